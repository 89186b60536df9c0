/* CRC32C, by table and by SSE 4.2; a hash that may stand in files. */
#include "checksum.h"

#include <pthread.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "base/banned.h"

static uint32_t table[256];

static void make_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (unsigned bit = 0; bit < 8; bit++)
            value = value & 1 ? value >> 1 ^ 0x82f63b78u : value >> 1;
        table[i] = value;
    }
}

uint32_t journal_crc_plain(uint32_t crc, const void *data, size_t size)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const unsigned char *at = data;
    pthread_once(&once, make_table);
    crc = ~crc;
    for (size_t i = 0; i < size; i++)
        crc = crc >> 8 ^ table[(crc ^ at[i]) & 0xff];
    return ~crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t crc_by_instruction(uint32_t crc, const char *at,
                                                                     size_t size)
{
    uint64_t wide = (uint32_t)~crc;
    for (; size >= 8; at += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        wide = _mm_crc32_u64(wide, word);
    }
    crc = (uint32_t)wide;
    for (; size > 0; at++, size--)
        crc = _mm_crc32_u8(crc, (unsigned char)*at);
    return ~crc;
}
#endif

uint32_t journal_crc(uint32_t crc, const void *data, size_t size)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("sse4.2"))
        return crc_by_instruction(crc, data, size);
#endif
    return journal_crc_plain(crc, data, size);
}

/* FNV-1a, then the finisher of MurmurHash3 (Appleby), so that all bits are good. */
uint64_t journal_hash(mw_view id)
{
    uint64_t hash = mw_fnv_view(MW_FNV_BEGIN, id);
    hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ hash >> 33;
}
