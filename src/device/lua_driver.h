/* Drivers written in Lua, behind the same table of functions as all others. Inside src/device
 * only. See lua_driver.c for what such a file holds and what bounds it.
 */
#ifndef CYC_DEVICE_LUA_DRIVER_H
#define CYC_DEVICE_LUA_DRIVER_H

#include "device/driver.h"

/* Reads a driver file. `helpers` (may be NULL): folder of scpi.lua, frame.lua, retry.lua. The
 * driver is owned by the caller; instruments that were opened with it must be closed before it is
 * freed. */
int cyc_lua_driver_load(const char *path, const char *helpers, struct cyc_driver **driver,
                        struct cyc_err *err);
void cyc_lua_driver_free(struct cyc_driver *driver);

#endif
