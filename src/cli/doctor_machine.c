/* What the machine gives a server: cores, memory, open files, a clock that is kept. */
#include "doctor.h"

#include <sys/timex.h>

enum { MEMORY_LOW_BYTES = 256 << 20 };

static void check_cores(doctor *self)
{
    unsigned cores = cli_cores();
    uint64_t threads = self->call->settings[CLI_THREADS].number;
    const char *forced = getenv("MW_CPU");
    if (threads > cores)
        doctor_warn(self, "processor", "leave --threads out: it is one a core then",
                    "%llu threads on %u core%s: they wait for each other",
                    (unsigned long long)threads, cores, cores == 1 ? "" : "s");
    else
        doctor_ok(self, "processor", "%u core%s by affinity and container quota", cores,
                  cores == 1 ? "" : "s");
    if (forced)
        doctor_warn(self, "processor", "unset MW_CPU: the fastest that the processor has is chosen",
                    "MW_CPU=%.60s in the environment says which instructions are used", forced);
}

/* The number behind `key` in a file of lines "key: number unit", or alone in it. 0: not told. */
static uint64_t read_number(const char *path, const char *key)
{
    char line[256];
    unsigned long long number = 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    while (fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0 &&
            sscanf(line + strlen(key), "%llu", &number) == 1)
            break;
    fclose(file);
    return number;
}

/* What the machine has left, and the container, whichever is less. */
static uint64_t memory_left(void)
{
    uint64_t left = read_number("/proc/meminfo", "MemAvailable:") * 1024;
    uint64_t limit = read_number("/sys/fs/cgroup/memory.max", ""); /* "max": 0 */
    uint64_t used = read_number("/sys/fs/cgroup/memory.current", "");
    if (limit > 0) {
        uint64_t of_container = limit > used ? limit - used : 0;
        left = left == 0 || of_container < left ? of_container : left;
    }
    return left;
}

static void check_memory(doctor *self)
{
    uint64_t left = memory_left();
    if (left == 0)
        return; /* the system does not tell */
    if (left < MEMORY_LOW_BYTES)
        doctor_warn(self, "memory", "give the machine or the container more, or stop something",
                    "%.0f MB are left", (double)left / 1e6);
    else
        doctor_ok(self, "memory", "%.1f GB are left", (double)left / 1e9);
}

static void check_files(doctor *self)
{
    const cli_setting *said = &self->call->settings[CLI_MAX_CONNECTIONS];
    uint64_t connections = said->text ? said->number : MW_LIMIT_CONNECTIONS;
    uint64_t wanted = cli_files_wanted(connections), have = cli_files_raise(wanted);
    if (have < wanted)
        doctor_warn(self, "open files",
                    "ulimit -Hn, LimitNOFILE= of systemd, or --ulimit nofile of a container; or a "
                    "lower --max-connections",
                    "at most %llu, and %llu connections want %llu: the last ones will be refused",
                    (unsigned long long)have, (unsigned long long)connections,
                    (unsigned long long)wanted);
    else
        doctor_ok(self, "open files", "up to %llu, enough for %llu connections",
                  (unsigned long long)have, (unsigned long long)connections);
}

/* Alerts, traces, the audit log and tokens with an end go by the time of day. */
static void check_clock(doctor *self)
{
    enum { BEGIN_OF_2025_S = 1735689600 }; /* before this program was written */
    struct timex state = {0};
    mw_buf now;
    mw_buf_init(&now, MW_KIB);
    mw_clock_write_utc(&now, mw_clock_wall_ms());
    int kept = adjtimex(&state);
    if (mw_clock_wall_ms() / 1000 < BEGIN_OF_2025_S)
        doctor_warn(self, "clock", "set it: timedatectl set-ntp true",
                    "it is %s here, which is long over: tokens and times of alerts will be wrong",
                    now.data);
    else if (kept == TIME_ERROR || (kept >= 0 && (state.status & STA_UNSYNC)))
        doctor_warn(self, "clock", "timedatectl set-ntp true, on the machine that runs a container",
                    "%s; nothing keeps it right (NTP), as far as the system tells", now.data);
    else
        doctor_ok(self, "clock", "%s, kept right by the system", now.data);
    mw_buf_done(&now);
}

void doctor_check_machine(doctor *self)
{
    doctor_ok(self, "program", "millwright %s", MW_VERSION);
    check_cores(self);
    check_memory(self);
    check_files(self);
    check_clock(self);
}
