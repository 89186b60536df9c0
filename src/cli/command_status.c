/* status: what a running server does now, and which resource limits it. Two looks at its /metrics,
 * a moment apart; the server knows nothing of it. */
#include "reach.h"
#include "status.h"

#include <time.h>

enum { TEXT_BYTES_MAX = 16 << 20, CALL_MS = 5000, MS_PER_SECOND = 1000 };

/* In the server's own words: it wants a token, TLS, or is another one. */
static mw_status fail_refused(int http_status, mw_view body, mw_error *err)
{
    enum { SHOWN_BYTES = 300 };
    mw_view shown = mw_view_trim(body);
    mw_fail(err, MW_E_STATUS_PAGE, "the server answers %d to /metrics", http_status);
    mw_why(err, "%.*s", shown.size > SHOWN_BYTES ? SHOWN_BYTES : (int)shown.size, shown.data);
    if (http_status == 401 || http_status == 403)
        return mw_mend(err, "give it a token: --header 'Authorization: Bearer TOKEN'");
    return mw_mend(err, "give the address that 'mw serve' printed");
}

static mw_status look(mw_client *client, mw_arena *arena, status_sample *ret_sample,
                      uint64_t *ret_ns, mw_error *err)
{
    int http_status;
    mw_view body;
    MW_TRY(mw_client_call(client, "GET", "/metrics", NULL, (mw_view){NULL, 0}, &http_status, &body,
                          err));
    *ret_ns = mw_clock_ns();
    return http_status == 200 ? status_read(body, arena, ret_sample, err)
                              : fail_refused(http_status, body, err);
}

static void wait_ms(uint64_t ms)
{
    struct timespec left = {(time_t)(ms / MS_PER_SECOND), (long)(ms % MS_PER_SECOND) * 1000000};
    while (nanosleep(&left, &left) != 0)
        continue;
}

static mw_status look_twice(const cli_call *call, mw_client *client, mw_arena *arena,
                            const char *url, mw_error *err)
{
    status_sample *samples = mw_arena_take_zeroed(arena, 2, sizeof *samples);
    uint64_t times[2];
    status_report report;
    mw_buf out;
    if (!samples)
        return mw_fail_memory(err, "the metrics");
    MW_TRY(look(client, arena, &samples[0], &times[0], err));
    wait_ms(call->settings[CLI_INTERVAL].number);
    MW_TRY(look(client, arena, &samples[1], &times[1], err));
    double seconds = (double)(times[1] - times[0]) * 1e-9;
    MW_TRY(status_between(&samples[0], &samples[1], seconds, arena, &report, err));
    mw_buf_init(&out, TEXT_BYTES_MAX);
    (cli_is_on(call, CLI_JSON) ? status_write_json : status_write_text)(&report, url, &out);
    mw_status status = cli_put(call, &out, err);
    mw_buf_done(&out);
    return status;
}

mw_status cli_run_status(cli_call *call, mw_error *err)
{
    mw_dial *dial;
    mw_client *client = NULL;
    MW_TRY(cli_reach(call, call->n_arguments > 0 ? call->arguments[0] : NULL, &dial, err));
    mw_status status = mw_client_open_to(dial, CALL_MS, &client, err);
    if (status == MW_OK)
        status = look_twice(call, client, &call->arena, mw_dial_url(dial), err);
    mw_client_close(client);
    mw_dial_free(dial);
    return status;
}
