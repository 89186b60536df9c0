/* status: what a running server does now, and which resource limits it. Two looks at its /metrics,
 * a moment apart; the server knows nothing of it. */
#include "call.h"
#include "status.h"

#include <time.h>

#include "net/net.h"

enum { TEXT_BYTES_MAX = 16 << 20, CALL_MS = 5000, ADDRESS_BYTES = 300, MS_PER_SECOND = 1000 };

/* "http://host:8080/", "host:8080", "8080": as it is to be connected to. A server that listens on
 * every address is asked on this machine's own. */
static mw_status read_address(mw_view text, char ret_address[ADDRESS_BYTES], mw_error *err)
{
    static const char scheme[] = "http://";
    mw_buf address;
    mw_view given = text;
    if (mw_view_starts(text, scheme))
        text = (mw_view){text.data + sizeof scheme - 1, text.size - (sizeof scheme - 1)};
    while (text.size > 0 && text.data[text.size - 1] == '/')
        text.size--;
    mw_buf_init(&address, ADDRESS_BYTES - 1);
    bool is_good = cli_read_address(text, &address);
    const char *port = is_good ? strrchr(address.data, ':') : NULL;
    bool is_any = is_good && (mw_view_starts(text, "0.0.0.0") || mw_view_starts(text, "[::]") ||
                              *address.data == ':');
    if (is_good)
        snprintf(ret_address, ADDRESS_BYTES, "%s%s", is_any ? "127.0.0.1" : "",
                 is_any ? port : address.data);
    mw_buf_done(&address);
    if (is_good)
        return MW_OK;
    mw_fail(err, MW_E_OPTION_VALUE, "'%.*s' is no address of a server", MW_VIEW_ARG(given));
    return mw_mend(err, "write HOST:PORT or http://HOST:PORT");
}

static mw_status look(mw_client *client, mw_arena *arena, status_sample *ret_sample,
                      uint64_t *ret_ns, mw_error *err)
{
    int http_status;
    mw_view body;
    MW_TRY(mw_client_call(client, "GET", "/metrics", NULL, (mw_view){NULL, 0}, &http_status, &body,
                          err));
    *ret_ns = mw_clock_ns();
    return status_read(http_status == 200 ? body : (mw_view){NULL, 0}, arena, ret_sample, err);
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
    char address[ADDRESS_BYTES], url[ADDRESS_BYTES + 8];
    mw_client *client = NULL;
    const char *given =
        call->n_arguments > 0 ? call->arguments[0] : call->settings[CLI_SERVER].text;
    MW_TRY(read_address(mw_view_of(given), address, err));
    snprintf(url, sizeof url, "http://%s", address);
    mw_status status = mw_client_open(address, CALL_MS, &client, err);
    if (status == MW_OK)
        status = look_twice(call, client, &call->arena, url, err);
    mw_client_close(client);
    return status;
}
