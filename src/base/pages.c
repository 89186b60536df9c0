/* Pages by mmap; see pages.h. */
#include "pages.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "banned.h"

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

size_t mw_pages_round(size_t bytes)
{
    size_t page = page_bytes();
    return bytes > SIZE_MAX - page ? SIZE_MAX / page * page : (bytes + page - 1) / page * page;
}

void *mw_pages_take(size_t bytes)
{
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

void *mw_pages_take_all(size_t bytes)
{
    void *pages = mw_pages_take(bytes);
    if (pages)
        madvise(pages, bytes, MADV_HUGEPAGE); /* advice: it may be declined */
    return pages;
}

void *mw_pages_resize(void *pages, size_t old_bytes, size_t new_bytes)
{
    void *moved = mremap(pages, old_bytes, new_bytes, MREMAP_MAYMOVE);
    return moved == MAP_FAILED ? NULL : moved;
}

void mw_pages_free(void *pages, size_t bytes)
{
    if (pages)
        munmap(pages, bytes);
}

void mw_pages_forget(const void *from, size_t bytes)
{
    uintptr_t page = page_bytes();
    uintptr_t begin = ((uintptr_t)from + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)from + bytes) / page * page;
    if (begin < end)
        madvise((void *)begin, end - begin, MADV_DONTNEED);
}
