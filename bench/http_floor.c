/* The floor of the HTTP layer: a server that answers every request with 60 fixed bytes.
 *
 *     http_floor [HOST:PORT] [LOOPS]       prints its address, ends with standard input
 *
 * Its CPU time a request is what everything above `net` is added to. bench/README says how it is
 * compared with nginx.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "net/net.h"

static const char body[] = "{\"predictions\": [0.12345678, 0.23456789, 0.34567890, 0.456]}";

static void answer(void *user, mw_exchange *exchange)
{
    (void)user;
    exchange->reply_type = MW_VIEW("application/json");
    mw_buf_bytes(exchange->reply, body, sizeof body - 1);
    mw_exchange_reply(exchange);
}

static double cpu_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return 1e6 * (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static int fail(const mw_error *err)
{
    fprintf(stderr, "http_floor: %s (%s)\n", err->what, err->why);
    return 1;
}

int main(int n_arguments, char **arguments)
{
    mw_server_options options;
    mw_server *server;
    mw_error err;
    mw_server_options_init(&options);
    options.handler = answer;
    options.listen = n_arguments > 1 ? arguments[1] : "127.0.0.1:0";
    options.n_loops = n_arguments > 2 ? (unsigned)strtoul(arguments[2], NULL, 10) : 1;
    if (mw_server_open(&options, &server, &err) != MW_OK)
        return fail(&err);
    if (mw_server_start(server, &err) != MW_OK)
        return fail(&err);
    printf("%s\n", mw_server_address(server));
    fflush(stdout);
    char line[64];
    while (fgets(line, sizeof line, stdin))
        continue;
    mw_server_counts counts;
    mw_server_count(server, &counts);
    double spent_us = cpu_us();
    size_t n_cut = mw_server_drain(server, 1);
    mw_server_close(server);
    printf("%llu requests, %.2f us of CPU each, %zu cut off\n", (unsigned long long)counts.requests,
           counts.requests ? spent_us / (double)counts.requests : 0, n_cut);
    return 0;
}
