/* The row kernel in AVX-512 with VBMI: one instruction looks up 64 codes.
 *
 * With BYTES_EMULATED the same source is built on SIMDe, as bytes_avx512.c is. */
#ifdef BYTES_EMULATED
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include "bytes_emulated.h"
#else
#include <immintrin.h>
#endif
#include <stdbool.h>

#include "row.h"

#ifdef BYTES_EMULATED
#define KERNEL predict_row_emulated
#define KERNEL_NAME "row-avx512 emulated"
extern const predict_kernel KERNEL;
/* as functions: inlined, a whole tree of emulations takes minutes to compile */
#define INLINE static __attribute__((noinline, unused))
#define ROW_INLINE INLINE
#else
#define KERNEL predict_row_avx512
#define KERNEL_NAME "row-avx512"
#define ROW_INLINE static inline __attribute__((always_inline))
#endif

typedef struct registers {
    __m512i low, high; /* 64 codes each */
} registers;

ROW_INLINE registers load_registers(const uint8_t *codes, bool few)
{
    registers row = {.low = _mm512_loadu_si512(codes)};
    row.high = few ? row.low : _mm512_loadu_si512(codes + 64);
    return row;
}

ROW_INLINE uint64_t answers_of(const registers *row, const uint8_t *columns, const uint8_t *ranks,
                               bool few)
{
    __m512i column = _mm512_loadu_si512(columns), rank = _mm512_loadu_si512(ranks);
    __m512i code = few ? _mm512_permutexvar_epi8(column, row->low)
                       : _mm512_permutex2var_epi8(row->low, column, row->high);
    return (uint64_t)_mm512_cmpeq_epi8_mask(_mm512_max_epu8(code, rank), code);
}

ROW_INLINE unsigned count32(const float *table, float x)
{
    return (unsigned)__builtin_popcount(
        _mm512_cmp_ps_mask(_mm512_set1_ps(x), _mm512_loadu_ps(table), _CMP_GE_OQ));
}

ROW_INLINE unsigned count64(const double *table, double x)
{
    __m512d all = _mm512_set1_pd(x);
    unsigned low = _mm512_cmp_pd_mask(all, _mm512_loadu_pd(table), _CMP_GE_OQ);
    unsigned high = _mm512_cmp_pd_mask(all, _mm512_loadu_pd(table + 8), _CMP_GE_OQ);
    return (unsigned)__builtin_popcount(low | high << 8);
}

static bool usable(void)
{
#ifdef BYTES_EMULATED
    return true;
#else
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") &&
           __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
#endif
}

#include "row_kernel.h"
