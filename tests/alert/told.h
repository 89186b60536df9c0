/* Engines on a clock set by hand, whose receiver is a program that appends to a file: "told", in
 * the engine's folder. */
#ifndef TEST_ALERT_TOLD_H
#define TEST_ALERT_TOLD_H

#include "../test.h"

#include "alert/alert.h"

enum { PAGE_BYTES = 4096 };

static uint64_t now_ns = 1000000000;
static int64_t wall_ms = 1800000000000;

static inline void pass(unsigned seconds)
{
    now_ns += (uint64_t)seconds * 1000000000;
    wall_ms += (int64_t)seconds * 1000;
}

static inline void pin_clock(void)
{
    static bool is_pinned;
    if (!is_pinned)
        mw_clock_pin(&now_ns, &wall_ms);
    is_pinned = true;
}

static inline void must(mw_status status, const mw_error *err)
{
    if (status != MW_OK)
        fail_msg("%s: %s", err->where, err->what);
}

/* No built-in rules, the receiver "all", one rule "High" that says `rule`, and `more`. */
static inline mw_alert_config *read_config(const char *folder, const char *rule, const char *more)
{
    char text[PAGE_BYTES];
    mw_error err;
    mw_yaml_document *document;
    mw_alert_place place;
    mw_alert_config *config;
    snprintf(
        text, sizeof text,
        "defaults: false\n"
        "receivers:\n"
        "  - {name: all, kind: exec, command: [/bin/sh, -c, 'cat >> %s/told; echo >> %s/told']}\n"
        "rules:\n"
        "  - {name: High, when: level > 5, for: 10s%s}\n%s",
        folder, folder, rule, more);
    must(mw_yaml_read(mw_view_of(text), "t.yaml", &document, &err), &err);
    must(mw_alert_config_read(mw_yaml_root(document), "t.yaml", &config, &place, &err), &err);
    mw_yaml_free(document);
    return config;
}

/* "firing:a firing:a,b resolved:a": what was told since the last call, by room. */
static inline void add_told(const char *folder, mw_buf *seen)
{
    char path[128];
    mw_error err;
    mw_file file = {0};
    snprintf(path, sizeof path, "%s/told", folder);
    if (mw_file_read(path, MW_MIB, &file, &err) == MW_OK)
        remove(path);
    for (const char *at = file.data; at && *at;) {
        mw_json *root;
        const char *end = strstr(at, "]}\n"); /* alerts are on lines of their own, too */
        assert_non_null(end);
        must(mw_json_read((mw_view){at, (size_t)(end - at) + 2}, &root, &err), &err);
        const mw_json *alerts = mw_json_member(root, "alerts");
        mw_buf_format(seen, "%s%.*s:", seen->size ? " " : "",
                      MW_VIEW_ARG(mw_json_text(mw_json_member(root, "status"))));
        for (size_t i = 0; i < mw_json_count(alerts); i++) {
            const mw_json *labels = mw_json_member(mw_json_element(alerts, i), "labels");
            mw_buf_format(seen, "%s%.*s", i ? "," : "",
                          MW_VIEW_ARG(mw_json_text(mw_json_member(labels, "room"))));
        }
        mw_json_free(root);
        at = end + 3;
    }
    if (file.data)
        mw_file_done(&file);
}

static inline void compare_told(const mw_buf *seen, const char *expected)
{
    if (strcmp(seen->data, expected) != 0)
        fail_msg("told '%s', expected '%s'", seen->data, expected);
}

#endif
