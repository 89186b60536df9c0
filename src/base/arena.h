/* An arena: memory that is given out piece by piece and dropped whole.
 *
 *     block 1 (kept)          block 2 (freed by reset)
 *     [####used####|..free]   [##large request##]
 *
 * A request's arena is reset after each answer and keeps its first block, so a warm server
 * allocates nothing; what a large body needed goes back to the system at once. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"

typedef struct mw_arena_block mw_arena_block;
typedef struct mw_arena_pages mw_arena_pages;

typedef struct mw_arena {
    mw_arena_block *current; /* newest block; older ones are linked behind it */
    size_t used_bytes;       /* given out since the last reset */
    size_t cap_bytes;        /* mw_arena_take fails beyond it */
    size_t block_bytes;      /* size of ordinary blocks */
    mw_arena_pages *pages;   /* adopted */
} mw_arena;

/* block_bytes: size of the kept first block (allocated on first use). */
void mw_arena_init(mw_arena *arena, size_t block_bytes, size_t cap_bytes);
void mw_arena_done(mw_arena *arena);
/* Drop everything given out. Keeps one ordinary block. */
void mw_arena_reset(mw_arena *arena);
/* `size` bytes aligned to 64 (a cache line, an AVX-512 register), not cleared; NULL when the cap
 * is passed or memory is gone. Valid until reset. Size 0 gives a valid pointer. */
void *mw_arena_take(mw_arena *arena, size_t size);
/* `count` elements of `size`, overflow-checked, cleared to zero. */
void *mw_arena_take_zeroed(mw_arena *arena, size_t count, size_t size);
/* A NUL-ended copy; NULL on failure. */
char *mw_arena_text(mw_arena *arena, mw_view text);
/* Pages (pages.h) become the arena's, which frees them with everything else. They count for no
 * cap. False when memory is gone: they are then still the caller's. */
bool mw_arena_adopt(mw_arena *arena, void *pages, size_t bytes);
/* Bytes held from the system, used or not. */
size_t mw_arena_held_bytes(const mw_arena *arena);

#endif
