/* A tree's leaves in byte planes, eight at a time: bytes.h says which trees have planes. */
#include "bytes_draft.h"

#include "base/banned.h"

/* Eight doubles become eight bytes of each plane: their bytes are interleaved three times.
 *
 *     a0 a1 .. a7 | b0 b1 .. b7     a b, c d, e f, g h: two numbers each, byte 0 the lowest
 *     a0 c0 a1 c1 ..                of (a b, c d)
 *     a0 b0 c0 d0 a1 ..             of that and its upper half
 *     a0 b0 c0 d0 e0 f0 g0 h0 ..    planes 0 and 1; and so on
 */
typedef uint8_t sixteen __attribute__((vector_size(16)));

static inline sixteen low_bytes(sixteen x, sixteen y)
{
    return __builtin_shufflevector(x, y, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

static inline sixteen high_bytes(sixteen x, sixteen y)
{
    return __builtin_shufflevector(x, y, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                   31);
}

static inline sixteen low_words(sixteen x, sixteen y)
{
    return __builtin_shufflevector(x, y, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
}

static inline sixteen high_words(sixteen x, sixteen y)
{
    return __builtin_shufflevector(x, y, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30,
                                   31);
}

/* `to`: place of the first of them in plane 0. */
static void put_eight(const double *values, char *to, size_t plane_bytes)
{
    sixteen of[4], pairs[4];
    memcpy(of, values, sizeof of);
    for (size_t half = 0; half < 2; half++) {
        sixteen low = low_bytes(of[2 * half], of[2 * half + 1]);
        sixteen high = high_bytes(of[2 * half], of[2 * half + 1]);
        pairs[half] = low_bytes(low, high);      /* planes 0 to 3 */
        pairs[2 + half] = high_bytes(low, high); /* 4 to 7 */
    }
    for (size_t plane = 0; plane < 8; plane += 2, to += 2 * plane_bytes) {
        const sixteen *from = &pairs[plane / 4 * 2];
        sixteen two = plane % 4 == 0 ? low_words(from[0], from[1]) : high_words(from[0], from[1]);
        memcpy(to, &two, 8);
        memcpy(to + plane_bytes, (const char *)&two + 8, 8);
    }
}

void bytes_put_values(const bytes_tree *plan, char *leaves, const double *values)
{
    for (size_t i = 0; i < plan->n_leaves; i += 8)
        put_eight(values + i, leaves + i, bytes_plane_bytes(plan));
}
