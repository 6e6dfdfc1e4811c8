/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Is this a record? The only code that looks at bytes nobody has checked; everything behind it
 * trusts the result. */
#ifndef RSSTRACE_MODEL_DECODE_H
#define RSSTRACE_MODEL_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include "record_abi.h"
#include "base/err.h"

#define SPACE_MAX 1024		      /* address-space ids are below this */
#define RECORD_PAGES_MAX (1ULL << 26) /* most pages one record may tell (256 GiB) */
#define RECORD_COUNT_MAX (1LL << 36)  /* largest value of a counter, pages */

/*
 * decode__check() - does @rec, of @len bytes, keep every promise of record_abi.h: size, enums,
 * counts against size, strings terminated, addresses and amounts in range. @rec must be 8-byte
 * aligned. 0: yes; 1: well-formed but of a type not known here; -EBADMSG with a sentence: no.
 */
int decode__check(const struct rec *rec, size_t len, struct err *err);

/* decode_state.c: what is wrong with a REC_STATE or REC_CHECKPOINT of sufficient length, or NULL. */
const char *decode__check_state(const void *record);
const char *decode__check_checkpoint(const void *record);

#endif
