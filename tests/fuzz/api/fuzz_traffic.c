/* What an endpoint did before: what is read can be written, and reads the same again. The digest at
 * the end is made here, so that chance comes behind it. */
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>

#include "api/tracks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW = 1764244800 };

static api_track *make(api_samples **ret_samples)
{
    mw_error err;
    if (api_samples_new(4 * MW_MIB, ret_samples, &err) != MW_OK)
        abort();
    api_track *past = track_find_or_make(*ret_samples, "churn", SAMPLES_PAST, NOW);
    if (!past)
        abort();
    return past;
}

static void write_again(api_samples *samples, const api_track *past)
{
    mw_error err;
    mw_buf once, twice;
    api_samples *others;
    api_track *other = make(&others);
    mw_buf_init(&once, 64 * MW_MIB);
    mw_buf_init(&twice, 64 * MW_MIB);
    track_write(samples, past->endpoint, NOW, &once);
    if (track_read(others, other, mw_buf_as_view(&once), NOW, &err) != MW_OK)
        abort();
    track_write(others, other->endpoint, NOW, &twice);
    if (!mw_view_equal(mw_buf_as_view(&once), mw_buf_as_view(&twice)))
        abort();
    mw_buf_done(&once);
    mw_buf_done(&twice);
    api_samples_free(others);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t key[crypto_shorthash_KEYBYTES];
    mw_error err;
    mw_buf text;
    uint64_t digest;
    api_samples *samples;
    api_track *past = make(&samples);
    mw_buf_init(&text, 64 * MW_MIB);
    mw_buf_bytes(&text, data, size);
    crypto_shorthash((uint8_t *)&digest, data, size, key);
    mw_protobuf_put_fixed64(&text, 15, digest | 1);
    if (track_read(samples, past, mw_buf_as_view(&text), NOW, &err) == MW_OK)
        write_again(samples, past);
    mw_buf_done(&text);
    api_samples_free(samples);
    return 0;
}
