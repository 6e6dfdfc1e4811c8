/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Changes that leave a stream or a trace mostly right, so that they get past sizes and CRCs. */
#ifndef RSSTRACE_TESTS_FUZZ_MUTATE_H
#define RSSTRACE_TESTS_FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's own: change @size bytes at @data to at most @max; the new size. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
/* What it calls. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed);

/*
 * Records back to back in, the same with a record dropped, doubled, moved or changed inside out.
 * The new size, at most
 * @max.
 */
size_t mutate__records(uint8_t *data, size_t size, size_t max, unsigned int seed);

/* A trace: a block's records changed, its header, or any bytes; most often all CRCs are made right
 * again. */
size_t mutate__trace(uint8_t *data, size_t size, size_t max, unsigned int seed);

#endif
