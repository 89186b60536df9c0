/* Fairness in words: what is below four fifths, what chance explains, what is too small to judge.
 */
#include "report/report.h"
#include "test.h"

#define GROUP(name, n, selected, rate, few, tpr, low, high)                                        \
    "\"" name "\":{\"n\":" n ",\"count\":" n ",\"selected\":" selected ",\"selection_rate\":" rate \
    ",\"few_rows\":" few ",\"tpr\":" tpr ",\"tpr_wilson95\":[" low "," high "]}"
#define PAIR(name, difference, p)                                    \
    "\"" name "\":{\"reference\":\"<b>\",\"difference\":" difference \
    ",\"difference_newcombe95\":[-0.3,-0.1],\"p_fisher_holm\":" p "}"
#define ATTRIBUTE(name, groups, ratios, pairs)                          \
    "\"" name "\":{\"groups\":{" groups                                 \
    "},\"overall\":{\"n\":9},\"impact_ratio_to_highest_rate\":{" ratios \
    "},\"selection_tests\":{\"pairs\":{" pairs "}}}"
#define CHECK(checks, attributes)                                                                \
    "{\"kind\":\"fairness\",\"data\":\"rows.csv\",\"rows\":500,\"label\":\"y\",\"score\":\"p\"," \
    "\"threshold\":0.5,\"checks\":[" checks "],\"attributes\":{" attributes "}}"

static const char unfair[] =
    CHECK("", ATTRIBUTE("sex|race",
                        GROUP("<b>", "300", "150", "0.5", "false", "0.9", "0.85", "0.95") "," GROUP(
                            "F", "200", "60", "0.3", "false", "0.7", "0.6",
                            "0.8") "," GROUP("tiny", "4", "1", "0.25", "true", "0.1", "0", "0.5"),
                        "\"<b>\":1,\"F\":0.6,\"tiny\":0.5", PAIR("F", "-0.2", "0.0001")));
static const char one_more[] =
    CHECK("", ATTRIBUTE("sex",
                        GROUP("<b>", "20", "10", "0.5", "false", "null", "null", "null") "," GROUP(
                            "F", "18", "7", "0.389", "false", "null", "null", "null"),
                        "\"<b>\":1,\"F\":0.778", PAIR("F", "-0.11", "0.54")));
static const char fair[] =
    CHECK("{\"name\":\"sex/x\",\"verdict\":\"pass\",\"value\":0.9}",
          ATTRIBUTE("sex",
                    GROUP("<b>", "300", "150", "0.5", "false", "0.9", "0.8",
                          "1") "," GROUP("F", "200", "96", "0.48", "false", "0.88", "0.78", "0.98"),
                    "\"<b>\":1,\"F\":0.96", PAIR("F", "-0.02", "0.7")));
static const char broken[] =
    CHECK("{\"name\":\"sex/x\",\"verdict\":\"fail\",\"value\":0.5,\"interval\":[0.4,0.6],"
          "\"why\":\"0.5, at least 0.8\"},{\"name\":\"sex/z\",\"verdict\":\"undecided\"}",
          ATTRIBUTE("sex", GROUP("a", "300", "150", "0.5", "false", "0.9", "0.8", "1"), "", ""));

static const struct {
    const char *check, *words[6];
} cases[] = {
    {unfair,
     {"1 group is selected less than four fifths as often as another, and chance does not",
      "▲ **alarm** sex\\|race, 'F': of 100 rows 30 are selected, of 100 of '\\<b\\>' 50: 60 % as "
      "often, and four fifths would be 80 %; the difference is -20.0 percentage points (95 % sure: "
      "between -30.0 and -10.0); chance alone shows as much about once in 10,000 times.",
      "70 of 100 are selected in 'F', and 90 in '\\<b\\>'. The 95 % intervals lie apart",
      "▲ **alarm** 'F' (sex\\|race) is selected 60 % as often as '\\<b\\>', from 200 rows",
      "sex\\|race, 'tiny': 4 rows", "tiny (few rows)"}},
    {one_more,
     {"1 group is selected less than four fifths as often as another; chance may explain it",
      "one more selected row would lift it to four fifths", "◆ **watch** sex, 'F'",
      "No combination of attributes", "None: every group has enough rows", ""}},
    {fair,
     {"Every limit that was agreed on is kept",
      "every group with enough rows is selected at least "
      "80 % as often",
      "The 95 % intervals overlap", "| sex/x | ● pass |", "", ""}},
    {broken,
     {"1 of the 2 limits that were agreed on is broken", "| sex/x | ▲ fail | 0.500 |",
      "0.5, at least 0.8", "| sex/z | ◆ undecided |", "no two groups with enough rows", ""}},
    {"{}", {"Not enough data: fewer than two groups", "", "", "", "", ""}},
    {"{\"attributes\":{\"a\":7,\"b\":{\"groups\":[1]}}}", {"Not enough data", "", "", "", "", ""}},
};

static void test_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_arena arena;
        mw_buf text, page;
        mw_json *root;
        mw_error err;
        mw_arena_init(&arena, MW_KIB, 16 * MW_MIB);
        mw_buf_init(&text, 16 * MW_MIB);
        mw_buf_init(&page, 16 * MW_MIB);
        assert_int_equal(mw_json_read(mw_view_of(cases[i].check), &root, &err), MW_OK);
        mw_paper *paper = mw_paper_new(&arena, "fairness", "Fairness", MW_VIEW("rows.csv"));
        mw_report_fairness(root, paper);
        assert_false(mw_paper_failed(paper));
        mw_paper_html(paper, &page);
        assert_null(strstr(page.data, "<b>"));
        mw_paper_markdown(paper, &text);
        for (size_t w = 0; w < MW_COUNT(cases[i].words) && cases[i].words[w]; w++)
            if (!strstr(text.data, cases[i].words[w]))
                fail_msg("case %zu: no '%s' in\n%.3000s", i, cases[i].words[w], text.data);
        mw_json_free(root);
        mw_buf_done(&page);
        mw_buf_done(&text);
        mw_arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_words)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
