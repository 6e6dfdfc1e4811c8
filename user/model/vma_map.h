/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The regions of one address space, as the kernel's own VMAs.
 *
 * Invariants: entries are sorted by address, disjoint, page-aligned and not empty.
 * Two neighbours the kernel would have merged may stand apart until vma_map__merge(): as long as
 * calls that were entered before a region was born may still report, its birth has to be known (see
 * spare_after of vma_map__remove()).
 */
#ifndef RSSTRACE_MODEL_VMA_MAP_H
#define RSSTRACE_MODEL_VMA_MAP_H

#include "model/session.h"

#define VMA_MAP_MAX (1U << 17) /* twice the kernel's default vm.max_map_count */
#define ADDRESS_END (1ULL << 57)

struct vma_entry {
	struct vma vma;
	__u64 born; /* generation of the call that made it; 0: before tracing */
};

struct vma_map {
	__u32 nr, cap;
	__u32 last; /* hint */
	struct vma_entry *entries;
};

static inline bool vma_map__holds(const struct vma_map *map, __u32 i, __u64 addr)
{
	return i < map->nr && map->entries[i].vma.start <= addr && addr < map->entries[i].vma.end;
}

/* vma_map__at() where the hint does not help. O(log n). */
__u32 vma_map__search(struct vma_map *map, __u64 addr);

/* Index of the first entry that ends after @addr: holds it or lies above it. In [0, nr]. O(log n),
 * O(1) for the entry it was the last time. */
static inline __u32 vma_map__at(struct vma_map *map, __u64 addr)
{
	return vma_map__holds(map, map->last, addr) ? map->last : vma_map__search(map, addr);
}

/* The VMA holding @addr, or NULL; valid until the next change. */
struct vma *vma_map__find(struct vma_map *map, __u64 addr);

/* Replace what is in the VMA's range by it. 0, -EINVAL (empty, unaligned, out of range), -ENOMEM,
 * -E2BIG (map full). */
int vma_map__insert(struct vma_map *map, const struct vma *vma, __u64 born);

/*
 * vma_map__remove() - unmap [start, end), splitting VMAs that stand out.
 * @spare_after: leave VMAs born after this generation alone: they took the place of what the call
 * removed. ~0: spare none. 0, -ENOMEM or -E2BIG (a split found no room; nothing more was removed).
 */
int vma_map__remove(struct vma_map *map, __u64 start, __u64 end, __u64 spare_after);

/* Change the protection of [start, end), which may be empty, splitting VMAs that stand out. 0,
 * -ENOMEM or -E2BIG. */
int vma_map__protect(struct vma_map *map, __u64 start, __u64 end, __u8 prot);

/* Let [start, end) begin and end at borders, splitting VMAs that stand out. 0, -ENOMEM or -E2BIG.
 */
int vma_map__cut_out(struct vma_map *map, __u64 start, __u64 end);

/* Merge compatible neighbours born before @settled, as the kernel does; the lower one's mapping
 * stack stays. */
void vma_map__merge(struct vma_map *map, __u64 settled);

int vma_map__copy(struct vma_map *copy,
		  const struct vma_map *map); /* @copy uninitialised; 0 or -ENOMEM */
void vma_map__fini(struct vma_map *map);

static inline __u64 page_down(__u64 addr)
{
	return addr & ~4095ULL;
}

/* Saturates at ADDRESS_END. */
static inline __u64 page_up(__u64 addr)
{
	return addr > ADDRESS_END ? ADDRESS_END : (addr + 4095) & ~4095ULL;
}

#endif
