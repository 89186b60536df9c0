/* Arena of linked blocks; see arena.h for the picture. */
#include "arena.h"

#include <stdint.h>
#include <stdlib.h>

#include "pages.h"

#include "banned.h"

/* Pieces stand close together, so a step beyond one would go unseen by the address sanitizer: in
 * its builds what was not handed out may not be touched, and a gap is left behind each piece. */
#if defined __has_feature
#if __has_feature(address_sanitizer)
#define ARENA_GUARDED
#endif
#elif defined __SANITIZE_ADDRESS__
#define ARENA_GUARDED
#endif

enum { ALIGN = 64 };

#ifdef ARENA_GUARDED
#include <sanitizer/asan_interface.h>
#define FORBID(at, size) ASAN_POISON_MEMORY_REGION(at, size)
#define ALLOW(at, size) ASAN_UNPOISON_MEMORY_REGION(at, size)
static size_t gap_behind(size_t left)
{
    return left < ALIGN ? left : ALIGN;
}
#else
#define FORBID(at, size) ((void)(at), (void)(size))
#define ALLOW(at, size) ((void)(at), (void)(size))
static size_t gap_behind(size_t left)
{
    (void)left;
    return 0;
}
#endif

struct mw_arena_block {
    mw_arena_block *older;
    size_t size, used; /* of bytes[] */
    _Alignas(64) unsigned char bytes[];
};

struct mw_arena_pages {
    mw_arena_pages *older;
    void *pages;
    size_t bytes;
};

void mw_arena_init(mw_arena *arena, size_t block_bytes, size_t cap_bytes)
{
    *arena = (mw_arena){.block_bytes = block_bytes, .cap_bytes = cap_bytes};
}

static void free_blocks(mw_arena_block *block, const mw_arena_block *keep)
{
    while (block) {
        mw_arena_block *older = block->older;
        if (block != keep) {
            ALLOW(block->bytes, block->size);
            free(block);
        }
        block = older;
    }
}

/* They are noted in blocks: so they go first. */
static void free_pages(mw_arena *arena)
{
    for (mw_arena_pages *at = arena->pages; at; at = at->older)
        mw_pages_free(at->pages, at->bytes);
    arena->pages = NULL;
}

void mw_arena_done(mw_arena *arena)
{
    free_pages(arena);
    free_blocks(arena->current, NULL);
    arena->current = NULL;
    arena->used_bytes = 0;
}

void mw_arena_reset(mw_arena *arena)
{
    free_pages(arena);
    mw_arena_block *keep = arena->current;
    while (keep && keep->size != arena->block_bytes)
        keep = keep->older;
    free_blocks(arena->current, keep);
    if (keep) {
        keep->older = NULL;
        keep->used = 0;
        FORBID(keep->bytes, keep->size);
    }
    arena->current = keep;
    arena->used_bytes = 0;
}

static mw_arena_block *add_block(mw_arena *arena, size_t size)
{
    mw_arena_block *block = NULL;
    if (posix_memalign((void **)&block, ALIGN, sizeof *block + size) != 0)
        return NULL;
    block->older = arena->current;
    block->size = size;
    block->used = 0;
    arena->current = block;
    FORBID(block->bytes, size);
    return block;
}

void *mw_arena_take(mw_arena *arena, size_t size)
{
    if (size > SIZE_MAX - sizeof(mw_arena_block) - ALIGN)
        return NULL;
    size_t rounded = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (rounded > arena->cap_bytes || arena->used_bytes > arena->cap_bytes - rounded)
        return NULL;
    mw_arena_block *block = arena->current;
    if (!block || block->size - block->used < rounded) {
        size_t wanted = rounded > arena->block_bytes ? rounded : arena->block_bytes;
        block = add_block(arena, wanted);
        if (!block)
            return NULL;
    }
    void *taken = block->bytes + block->used;
    block->used += rounded;
    block->used += gap_behind(block->size - block->used);
    arena->used_bytes += rounded;
    ALLOW(taken, size);
    return taken;
}

void *mw_arena_take_zeroed(mw_arena *arena, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    void *taken = mw_arena_take(arena, total);
    if (taken)
        memset(taken, 0, total);
    return taken;
}

char *mw_arena_text(mw_arena *arena, mw_view text)
{
    char *copy = mw_arena_take(arena, text.size + 1);
    if (!copy)
        return NULL;
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return copy;
}

bool mw_arena_adopt(mw_arena *arena, void *pages, size_t bytes)
{
    mw_arena_pages *note = mw_arena_take(arena, sizeof *note);
    if (!note)
        return false;
    *note = (mw_arena_pages){arena->pages, pages, bytes};
    arena->pages = note;
    return true;
}

size_t mw_arena_held_bytes(const mw_arena *arena)
{
    size_t held = 0;
    for (const mw_arena_block *block = arena->current; block; block = block->older)
        held += sizeof *block + block->size;
    for (const mw_arena_pages *at = arena->pages; at; at = at->older)
        held += mw_pages_round(at->bytes);
    return held;
}
