/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EXERCISE_H
#define EXERCISE_H

#include <stdbool.h>

/* Whether the host sent scripts. */
bool has_exercises(void);
void run_exercises(void);

#endif
