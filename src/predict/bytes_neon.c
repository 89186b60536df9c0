/* The byte kernel in NEON, which every arm64 processor has: 16 rows a register. */
#include <arm_neon.h>

#include "bytes.h"

#define VECTOR uint8x16_t
enum { WIDTH = 16, SIDES = 4 };
#define KERNEL predict_bytes_neon
#define KERNEL_NAME "neon"
#define VECTOR_INLINE static inline __attribute__((always_inline))

VECTOR_INLINE VECTOR vector_load(const void *at)
{
    return vld1q_u8(at);
}

VECTOR_INLINE void vector_store(void *at, VECTOR x)
{
    vst1q_u8(at, x);
}

VECTOR_INLINE VECTOR vector_spread(const uint8_t *at)
{
    return vdupq_n_u8(*at);
}

VECTOR_INLINE VECTOR vector_decide(VECTOR code, VECTOR rank)
{
    return vcltq_s8(vreinterpretq_s8_u8(code), vreinterpretq_s8_u8(rank));
}

/* Decisions are whole bytes here. */
VECTOR_INLINE VECTOR vector_choose(VECTOR decision, VECTOR left, VECTOR right)
{
    return vbslq_u8(decision, left, right);
}

VECTOR_INLINE VECTOR vector_fold(VECTOR decision, VECTOR left, VECTOR right)
{
    return vector_choose(decision, left, right);
}

VECTOR_INLINE VECTOR vector_pick(VECTOR code, VECTOR rank, VECTOR left, VECTOR right)
{
    return vector_choose(vector_decide(code, rank), left, right);
}

VECTOR_INLINE VECTOR vector_mark(VECTOR number, VECTOR code, VECTOR rank, VECTOR bit)
{
    return vorrq_u8(number, vbicq_u8(bit, vector_decide(code, rank)));
}

VECTOR_INLINE VECTOR vector_pick_other(VECTOR code, VECTOR rank, VECTOR flip, VECTOR found,
                                       VECTOR other)
{
    return vector_choose(veorq_u8(vector_decide(code, rank), flip), other, found);
}

VECTOR_INLINE VECTOR vector_in_set(const uint8_t *set, VECTOR place, VECTOR bit)
{
    return vtstq_u8(vqtbl2q_u8(vld1q_u8_x2(set), place), bit);
}

VECTOR_INLINE VECTOR vector_first(VECTOR decision)
{
    return vandq_u8(vdupq_n_u8(0x80), decision);
}

VECTOR_INLINE VECTOR vector_append(VECTOR index, VECTOR decision)
{
    return vsriq_n_u8(decision, index, 1);
}

VECTOR_INLINE VECTOR vector_shift(VECTOR index, unsigned n)
{
    return vshlq_u8(index, vdupq_n_s8((int8_t) - (int)n));
}

VECTOR_INLINE VECTOR vector_invert(VECTOR index, uint8_t mask)
{
    return vbicq_u8(vdupq_n_u8(mask), index);
}

VECTOR_INLINE VECTOR vector_or(VECTOR a, VECTOR b)
{
    return vorrq_u8(a, b);
}

VECTOR_INLINE VECTOR look_up(const uint8_t *plane, VECTOR index)
{
    return vqtbl4q_u8(vld1q_u8_x4(plane), index);
}

VECTOR_INLINE void add_four(float *sums, uint16x8_t leaves)
{
    vst1q_f32(sums, vaddq_f32(vld1q_f32(sums), vreinterpretq_f32_u16(leaves)));
}

VECTOR_INLINE void add_planes(const uint8_t *planes, size_t bytes, VECTOR index, float *sums)
{
    (void)bytes; /* always 64 */
    VECTOR p0 = look_up(planes, index), p1 = look_up(planes + 64, index);
    VECTOR p2 = look_up(planes + 128, index), p3 = look_up(planes + 192, index);
    uint16x8_t low01 = vreinterpretq_u16_u8(vzip1q_u8(p0, p1));
    uint16x8_t low23 = vreinterpretq_u16_u8(vzip1q_u8(p2, p3));
    uint16x8_t high01 = vreinterpretq_u16_u8(vzip2q_u8(p0, p1));
    uint16x8_t high23 = vreinterpretq_u16_u8(vzip2q_u8(p2, p3));
    add_four(sums, vzip1q_u16(low01, low23));
    add_four(sums + 4, vzip2q_u16(low01, low23));
    add_four(sums + 8, vzip1q_u16(high01, high23));
    add_four(sums + 12, vzip2q_u16(high01, high23));
}

VECTOR_INLINE void add_values32(const float *values, const uint8_t *index, float *sums)
{
    for (unsigned r = 0; r < WIDTH; r++)
        sums[r] += values[index[r]];
}

VECTOR_INLINE void add_values64(const double *values, const uint8_t *index, double *sums)
{
    for (unsigned r = 0; r < WIDTH; r++)
        sums[r] += values[index[r]];
}

/* Each comparison gives -1 a cut passed. */
VECTOR_INLINE unsigned count32(const float *table, float x)
{
    float32x4_t all = vdupq_n_f32(x);
    int32x4_t passed = vdupq_n_s32(0);
    for (int i = 0; i < 16; i += 4)
        passed = vaddq_s32(passed, vreinterpretq_s32_u32(vcgeq_f32(all, vld1q_f32(table + i))));
    return (unsigned)-vaddvq_s32(passed);
}

VECTOR_INLINE unsigned count64(const double *table, double x)
{
    float64x2_t all = vdupq_n_f64(x);
    int64x2_t passed = vdupq_n_s64(0);
    for (int i = 0; i < 16; i += 2)
        passed = vaddq_s64(passed, vreinterpretq_s64_u64(vcgeq_f64(all, vld1q_f64(table + i))));
    return (unsigned)-vaddvq_s64(passed);
}

static bool usable(void)
{
    return true;
}

#include "bytes_kernel.h"
