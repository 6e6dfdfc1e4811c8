// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stddef.h>
#include <string.h>
#include "config_abi.h"
#include "live/unwind_sets.h"

/* A stale word of the cache can be mistaken only for one this many generations younger. */
#define CLEAR_EVERY_GENERATIONS (UNWIND_CACHE_GENERATIONS / 2)

void unwind_sets__init(struct unwind_sets *sets, const struct unwind_maps *maps)
{
	sets->maps = maps;
	for (__u32 i = 0; i < UNWIND_NR_SETS; i++)
		sets->free[i] = i;
	sets->nr_free = UNWIND_NR_SETS;
}

struct unwind_set *unwind_sets__at(const struct unwind_sets *sets, __u32 set)
{
	return (struct unwind_set *)sets->maps->sets.at + set;
}

struct unwind_mapping *unwind_sets__mappings(const struct unwind_sets *sets, __u32 set)
{
	return (struct unwind_mapping *)sets->maps->mappings.at + (size_t)set * UNWIND_SET_MAPPINGS;
}

void unwind_sets__put(struct unwind_sets *sets, __u32 set)
{
	__u32 at = (sets->first_free + sets->nr_free++) % UNWIND_NR_SETS;

	sets->free[at] = set;
}

__u32 unwind_sets__take(struct unwind_sets *sets)
{
	__u32 set = sets->free[sets->first_free];

	sets->first_free = (sets->first_free + 1) % UNWIND_NR_SETS;
	sets->nr_free--;
	return set;
}

/* A generation nobody had; the cache forgets those whose low bits it could mistake it for. */
static __u64 next_generation(struct unwind_sets *sets)
{
	struct unwind_control *control = sets->maps->control.at;
	__u64 generation = __atomic_add_fetch(&control->generation, 1, __ATOMIC_SEQ_CST);

	if (generation - sets->cleared_at >= CLEAR_EVERY_GENERATIONS) {
		memset(sets->maps->cache.at, 0, sets->maps->cache.bytes);
		sets->cleared_at = generation;
	}
	return generation;
}

/* The order of the stores is what the walks rely on, see unwind_abi.h. */
void unwind_sets__fill(struct unwind_sets *sets, __u32 set, __u32 owner,
		       const struct unwind_mapping *mappings, __u32 nr)
{
	struct unwind_mapping *to = unwind_sets__mappings(sets, set);
	struct unwind_set *head = unwind_sets__at(sets, set);

	__atomic_store_n(&head->generation, 0, __ATOMIC_SEQ_CST);
	if (nr)
		memcpy(to, mappings, nr * sizeof(*to));
	memset(to + UNWIND_SET_SORTED, 0, UNWIND_SET_RECENT * sizeof(*to));
	head->nr_sorted = nr;
	head->nr_recent = 0;
	head->owner = owner;
	head->epoch = ++sets->epoch;
	__atomic_store_n(&head->generation, next_generation(sets), __ATOMIC_SEQ_CST);
}

static __u64 table_word(__u32 first_page, __u32 nr_pages)
{
	return first_page | (__u64)nr_pages << 32;
}

_Static_assert(offsetof(struct unwind_mapping, nr_pages) ==
			       offsetof(struct unwind_mapping, first_page) + 4 &&
		       offsetof(struct unwind_mapping, first_page) % 8 == 0,
	       "the two are one word");

void unwind_sets__fill_awaited(struct unwind_sets *sets, __u32 set, __u32 file,
			       const struct unwind_object *object)
{
	struct unwind_mapping *mappings = unwind_sets__mappings(sets, set);
	__u64 awaited, table = table_word(object->first_page, object->nr_pages);

	for (__u32 i = 0; i < UNWIND_SET_MAPPINGS; i++) {
		awaited = table_word(UNWIND_TABLE_AWAITED, file);
		if (mappings[i].first_page == UNWIND_TABLE_AWAITED)
			__atomic_compare_exchange_n((__u64 *)&mappings[i].first_page, &awaited,
						    table, false, __ATOMIC_SEQ_CST,
						    __ATOMIC_SEQ_CST);
	}
}

__u64 unwind_sets__word(const struct unwind_sets *sets, __u32 set)
{
	return UNWIND_SPACE_WORD(set, unwind_sets__at(sets, set)->epoch);
}

int unwind_sets__named_by(const struct unwind_sets *sets, __u32 space)
{
	const struct unwind_space *spaces = sets->maps->spaces.at;
	__u64 word = space < RSST_MAX_SPACES
			     ? __atomic_load_n(&spaces[space].word, __ATOMIC_SEQ_CST)
			     : 0;
	__u32 set = (__u32)word - 1;

	return word && set < UNWIND_NR_SETS && unwind_sets__at(sets, set)->epoch == word >> 32
		       ? (int)set
		       : -1;
}

/* --- for programs that begin ------------------------------------------------------------------ */

static struct unwind_ready *ready_at(const struct unwind_sets *sets, int i)
{
	return ((struct unwind_control *)sets->maps->control.at)->ready + i;
}

int unwind_sets__collect(struct unwind_sets *sets, __u32 *space)
{
	for (int i = 0; i < UNWIND_READY_SETS; i++) {
		struct unwind_ready *ready = ready_at(sets, i);

		*space = __atomic_load_n(&ready->space, __ATOMIC_SEQ_CST);
		if (!ready->word || !*space)
			continue;
		__atomic_store_n(&ready->space, 0, __ATOMIC_SEQ_CST);
		return (int)(__u32)__atomic_exchange_n(&ready->word, 0, __ATOMIC_SEQ_CST) - 1;
	}
	return -1;
}

void unwind_sets__offer(struct unwind_sets *sets)
{
	for (int i = 0; i < UNWIND_READY_SETS && sets->nr_free > UNWIND_SPARE_SETS; i++) {
		struct unwind_ready *ready = ready_at(sets, i);
		__u32 set;

		if (ready->word)
			continue;
		set = unwind_sets__take(sets);
		unwind_sets__fill(sets, set, 0, NULL, 0);
		__atomic_store_n(&ready->word, unwind_sets__word(sets, set), __ATOMIC_SEQ_CST);
		__atomic_store_n(&ready->claimed, 0, __ATOMIC_SEQ_CST);
	}
}
