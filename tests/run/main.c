#include "check/check.h"

extern const struct cyc_check cyc_check_analytic[];
extern const struct cyc_check cyc_check_account[];
extern const struct cyc_check cyc_check_host[];
extern const struct cyc_check cyc_check_parts[];
extern const struct cyc_check cyc_check_live[];
extern const struct cyc_check cyc_check_disk[];
extern const struct cyc_check cyc_check_holders[];
extern const struct cyc_check cyc_check_plausible[];
extern const struct cyc_check cyc_check_source_process[];
extern const struct cyc_check cyc_check_source_hostile[];
extern const struct cyc_check cyc_check_source_replay[];
extern const struct cyc_check cyc_check_resume[];
extern const struct cyc_check cyc_check_gap[];
extern const struct cyc_check cyc_check_return[];
extern const struct cyc_check cyc_check_writer[];
extern const struct cyc_check cyc_check_push[];
extern const struct cyc_check cyc_check_daemon[];

int main(int argc, char **argv)
{
    const struct cyc_check_suite suites[] = {{"analytic", cyc_check_analytic},
                                             {"account", cyc_check_account},
                                             {"host", cyc_check_host},
                                             {"parts", cyc_check_parts},
                                             {"live", cyc_check_live},
                                             {"disk", cyc_check_disk},
                                             {"holders", cyc_check_holders},
                                             {"plausible", cyc_check_plausible},
                                             {"source_process", cyc_check_source_process},
                                             {"source_hostile", cyc_check_source_hostile},
                                             {"source_replay", cyc_check_source_replay},
                                             {"resume", cyc_check_resume},
                                             {"gap", cyc_check_gap},
                                             {"return", cyc_check_return},
                                             {"writer", cyc_check_writer},
                                             {"push", cyc_check_push},
                                             {"daemon", cyc_check_daemon},
                                             {0}};
    return cyc_check_main(argc, argv, suites);
}
