/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VDSO_H
#define VDSO_H

/*
 * A function of the vDSO, found by its own symbols, as a libc finds it; NULL where there is no vDSO,
 * no such function in it, or no table to look in.
 */
void *vdso_symbol(const char *name);

#endif
