#include "device/lua_driver.h"

int cyc_lua_driver_load(const char *path, const char *helpers, struct cyc_driver **driver,
                        struct cyc_err *err)
{
    (void)helpers;
    (void)driver;
    return cyc_err_set(err, CYC_E_UNSUPPORTED, "%s: Lua drivers are not read yet", path);
}

void cyc_lua_driver_free(struct cyc_driver *driver)
{
    (void)driver;
}
