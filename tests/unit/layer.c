/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Linked with one layer, whole, and only the layers below it: that it links is the test. */

int main(void) {
    return 0;
}
