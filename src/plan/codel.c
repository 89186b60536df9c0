/* Is there a queue that never empties? See plan.h. */
#include "plan.h"

/* Of the budget: half may be waiting, so that half is left for the work; a twentieth is no sign of
 * overload (RFC 8289 § 4.4 has 5 % of the interval); four intervals tell within the budget. */
enum { PATIENCE_PART = 2, TARGET_PART = 20, INTERVAL_PART = 4, N_IN_INTERVAL = 20 };

mw_codel_law mw_codel_law_of(uint64_t budget_ns)
{
    return (mw_codel_law){
        .target_ns = budget_ns / TARGET_PART,
        .interval_ns = budget_ns / INTERVAL_PART,
        .patience_ns = budget_ns / PATIENCE_PART,
    };
}

/* Where one request takes longer than the target, each waits for one or two of them whatever the
 * load. */
static uint64_t target_of(const mw_codel_law *law, uint64_t service_ns)
{
    uint64_t target_ns = 2 * service_ns > law->target_ns ? 2 * service_ns : law->target_ns;
    return target_ns < law->patience_ns / 2 ? target_ns : law->patience_ns / 2;
}

/* Some twenty requests must have passed, or chance alone makes the shortest wait a long one. */
static uint64_t interval_of(const mw_codel_law *law, uint64_t service_ns)
{
    uint64_t interval_ns = N_IN_INTERVAL * service_ns;
    return interval_ns > law->interval_ns ? interval_ns : law->interval_ns;
}

uint64_t mw_codel_patience(const mw_codel *codel, const mw_codel_law *law, uint64_t service_ns,
                           mw_urgency urgency)
{
    uint64_t target_ns = target_of(law, service_ns);
    if (urgency == MW_URGENT || (urgency == MW_USUAL && !codel->is_standing))
        return law->patience_ns;
    if (urgency == MW_USUAL || !codel->is_standing)
        return 2 * target_ns;
    return target_ns / 2;
}

bool mw_codel_takes(mw_codel *codel, const mw_codel_law *law, uint64_t now_ns, uint64_t waited_ns,
                    uint64_t service_ns, mw_urgency urgency)
{
    uint64_t interval_ns = interval_of(law, service_ns);
    if (now_ns >= codel->interval_end_ns) {
        /* An interval in which nothing came had no queue. */
        bool is_next = now_ns - codel->interval_end_ns < interval_ns;
        codel->is_standing = is_next && codel->least_ns > target_of(law, service_ns);
        codel->interval_end_ns = now_ns + interval_ns;
        codel->least_ns = waited_ns;
    } else if (waited_ns < codel->least_ns) {
        codel->least_ns = waited_ns;
    }
    return waited_ns <= mw_codel_patience(codel, law, service_ns, urgency);
}
