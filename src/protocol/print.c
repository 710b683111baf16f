#include "protocol/protocol_int.h"
void cyc_protocol_print(const struct cyc_protocol *protocol, struct cyc_text *out)
{
    (void)protocol;
    (void)out;
}
void cyc_protocol_json(const struct cyc_protocol *protocol, struct cyc_json *json)
{
    (void)protocol;
    (void)json;
}
