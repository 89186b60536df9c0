/* What `mw doctor` finds: one line a check, with what to do about it.
 *
 *     command_doctor.c    which checks, and how they are told
 *     doctor_machine.c    what the machine gives: cores, memory, open files, clock
 *     doctor_place.c      a folder that is to be written to
 *     doctor_serve.c      what a server would start with: models, address, folders, record */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "house.h"

typedef enum doctor_state { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL, DOCTOR_N_STATES } doctor_state;

/* what, why, mend and code of `said`, whatever the state; of one that is well only what. */
typedef struct doctor_finding {
    const char *check; /* "address" */
    doctor_state state;
    mw_error said;
} doctor_finding;

enum { DOCTOR_FINDINGS_MAX = 4096 };

typedef struct doctor {
    const cli_call *call;
    mw_arena arena;
    doctor_finding *findings; /* DOCTOR_FINDINGS_MAX */
    size_t count;
} doctor;

/* All is well, and this is how it is. */
void doctor_ok(doctor *self, const char *check, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* It works, and will not always; `fix`: what to do. */
void doctor_warn(doctor *self, const char *check, const char *fix, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* A server would not start, or not keep what it promises. */
void doctor_fail(doctor *self, const char *check, const mw_error *said);

/* ---- the checks ------------------------------------------------------------------------------ */

void doctor_check_machine(doctor *self);
/* option: "--data", which names the folder. */
void doctor_check_place(doctor *self, const char *check, const char *folder, const char *option);
void doctor_check_serve(doctor *self);

#endif
