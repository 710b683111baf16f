-- Trying again, for Lua drivers: `safe` has to come through whatever state the line is in.
--
--     retry.until_done(self.bus, function() … end)    again after a failure, while there is time;
--                                                     the last failure is the call's

local retry = {}

local LEAST_S <const> = 0.05 -- no use in trying with less

function retry.until_done(bus, attempt)
    local done, why
    repeat
        done, why = pcall(attempt)
    until done or bus:left() < LEAST_S
    if not done then
        error(why)
    end
end

return retry
