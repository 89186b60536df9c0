/* The states of an alert, by scripts: what holds and clears in each second, and what happens. */
#include "../test.h"

#include "alert/state.h"

static const struct script {
    const char *name;
    int64_t for_ms, keep_ms;
    /* a letter a second: '+' it holds, '-' it clears, '.' neither (between the two thresholds) */
    const char *seconds;
    const char *events; /* b began, f fired, r resolved, d dropped, ' ' nothing */
} scripts[] = {
    {"fires at once", 0, 0, "-++-", " f r"},
    {"waits for three seconds", 3000, 0, "+++++--", "b  f r "},
    {"a break begins anew", 3000, 0, "++-++++", "b db  f"},
    {"nobody hears of what was only pending", 3000, 0, "+-+-", "bdbd"},
    {"stays for two seconds", 0, 2000, "+---", "f  r"},
    {"flaps while it stays: one alert", 0, 2000, "+-+-+-+---", "f        r"},
    {"between the thresholds it stays", 0, 0, "+....-", "f    r"},
    {"between them nothing begins", 0, 0, "....+", "    f"},
    {"between them a pending one ends", 3000, 0, "++.+", "b db"},
    {"hysteresis and staying", 0, 2000, "+-.---", "f    r"},
    {"again after it ended", 0, 0, "+-+-", "frfr"},
    {"for and keep together", 2000, 1000, "+++-+--", "b f   r"},
};

static void test_scripts(void **state)
{
    (void)state;
    static const char letters[] = " bfrd";
    for (size_t i = 0; i < MW_COUNT(scripts); i++) {
        const struct script *s = &scripts[i];
        alert_track track = {ALERT_NONE, 0, 0};
        char seen[32] = "";
        for (size_t second = 0; s->seconds[second]; second++) {
            char c = s->seconds[second];
            seen[second] = letters[alert_track_step(&track, s->for_ms, s->keep_ms, c == '+',
                                                    c == '-', 1000 + (int64_t)second * 1000)];
        }
        if (strcmp(seen, s->events) != 0)
            fail_msg("%s: '%s', expected '%s'", s->name, seen, s->events);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_scripts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
