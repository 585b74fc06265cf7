#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# mandoc has nothing to say about our man pages.
#
#     check-man.sh SOURCE_ROOT
set -eu

if ! command -v mandoc >/dev/null; then
    echo 'skipped: mandoc is not installed'
    exit 77
fi
# Only from warnings up: a reference to a page of ours that is not installed yet is no fault.
mandoc -T lint -W warning "$1"/man/*.[0-9]
