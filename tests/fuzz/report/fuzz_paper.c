/* What people write in Markdown, and findings of every shape, into papers of all three forms:
 * whatever comes, the page stays harmless and the JSON whole. The first byte says what is made. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "report/report.h"

static void fill(mw_paper *paper, uint8_t kind, mw_view text)
{
    mw_json *root = NULL;
    mw_error err;
    mw_paper_section(paper, "s", "S");
    if (kind % 6 == 0) {
        mw_paper_written(paper, text);
        return;
    }
    if (mw_json_read(text, &root, &err) != MW_OK)
        return;
    mw_live_drift live = {.endpoint = MW_VIEW("e"), .server = "s", .window = "1h", .now = 1e9};
    mw_week week = {.endpoint = MW_VIEW("e"), .source = "s", .from = 0, .to = 2e9, .now = 2e9};
    mw_incident incident = {.source = "s", .from = 0, .to = 2e9, .now = 2e9};
    live.drift = live.bins = live.series = root;
    week.alerts = week.audit = week.rollouts = week.drift = week.traffic = week.log = root;
    week.rows = week.performance = week.performance_before = week.served = root;
    incident.alerts = incident.audit = incident.drift = incident.traffic = root;
    incident.alert = mw_json_element(mw_json_member(root, "items"), 0);
    if (kind % 6 == 1)
        mw_report_drift_files(root, paper);
    else if (kind % 6 == 2)
        mw_report_drift_live(&live, paper);
    else if (kind % 6 == 3)
        mw_report_fairness(root, paper);
    else if (kind % 6 == 4)
        mw_report_weekly(&week, paper);
    else
        mw_report_incident(&incident, paper);
    mw_json_free(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_arena arena;
    mw_buf out;
    mw_json *root;
    mw_error err;
    /* whoever takes such texts refuses a zero byte, and so would who reads the JSON below */
    if (size == 0 || size > 64 * 1024 || memchr(data + 1, 0, size - 1))
        return 0;
    mw_arena_init(&arena, 4 * MW_KIB, 64 * MW_MIB);
    mw_buf_init(&out, 256 * MW_MIB);
    mw_paper *paper = mw_paper_new(&arena, "fuzz", "Fuzz", MW_VIEW("x"));
    if (paper)
        fill(paper, data[0], (mw_view){(const char *)data + 1, size - 1});
    if (paper && !mw_paper_failed(paper)) {
        mw_paper_html(paper, &out);
        if (!out.failed && (strstr(out.data, "<script") || strstr(out.data, "<img")))
            abort();
        mw_buf_reset(&out);
        mw_paper_markdown(paper, &out);
        mw_buf_reset(&out);
        mw_paper_json(paper, &out);
        if (!out.failed && mw_json_read(mw_buf_as_view(&out), &root, &err) == MW_OK)
            mw_json_free(root);
        else if (!out.failed && err.status != MW_NO_MEMORY && err.code != MW_E_JSON_DEPTH)
            abort();
    }
    mw_buf_done(&out);
    mw_arena_done(&arena);
    return 0;
}
