/* What another server has told of predictions and what was true of them; the digest is made here,
 * so that chance comes behind it. What is taken can be measured, whole and by slices, and is heard
 * again; what is refused has changed nothing. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "journal/elsewhere.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void see(void *user, const mw_performance_part *part)
{
    if (part->n_servers == 0 || part->n_labels == 0)
        abort();
    *(size_t *)user += part->slice ? 0 : part->n_labels;
}

static void measure(const journal_joiner *own, const journal_joiner *seen)
{
    mw_error err;
    size_t n = 0;
    const mw_performance_query query = {.slice = MW_VIEW("kind"), .threshold = (double)NAN};
    if (journal_measure(own, seen, &query, see, &n, &err) == MW_OK && n != seen->n)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_error err;
    mw_buf sealed;
    journal_joiner own;
    journal_elsewhere elsewhere;
    char slices[] = "kind";
    journal_joiner_init(&own, "none", slices, 64);
    journal_elsewhere_init(&elsewhere, &own, 64);
    mw_buf_init(&sealed, MW_MIB);
    mw_buf_bytes(&sealed, data, size);
    mw_pack_whole(&sealed, mw_fnv(MW_FNV_BEGIN, sealed.data, sealed.size));
    const mw_view told = mw_buf_as_view(&sealed);
    if (journal_elsewhere_hear(&elsewhere, &own, 1, told, &err) == MW_OK) {
        size_t n = elsewhere.seen.n;
        measure(&own, &elsewhere.seen);
        if (journal_elsewhere_hear(&elsewhere, &own, 1, told, &err) != MW_OK ||
            (n < 32 && elsewhere.seen.n != n))
            abort(); /* told twice it is the same */
    } else if (elsewhere.seen.n > 0 || elsewhere.n_servers > 0) {
        abort();
    }
    journal_elsewhere_done(&elsewhere);
    journal_joiner_done(&own);
    mw_buf_done(&sealed);
    return 0;
}
