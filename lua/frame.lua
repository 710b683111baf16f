-- Fixed frames for Lua drivers: bytes, checksums, numbers of several bytes.
--
--     frame.bytes("\250\1")        {250, 1}
--     frame.text({250, 1})         "\250\1"
--     frame.hex(text)              "FA 01": for messages
--     frame.xor(text, 2, 8)        exclusive or of the bytes 2 to 8
--     frame.sum(text, 2, 8)        sum of them, modulo 256
--     frame.crc16(text)            of Modbus RTU, low byte first on the wire
--     frame.split(value, 240)      high and low digit to a base: 256 for big-endian words
--     frame.join(high, low, 240)   the other way

local frame = {}

function frame.bytes(text)
    return {text:byte(1, -1)}
end

function frame.text(bytes)
    local out = {}
    for i = 1, #bytes do
        out[i] = string.char(bytes[i])
    end
    return table.concat(out)
end

function frame.hex(text)
    local out = {}
    for i = 1, #text do
        out[i] = string.format("%02X", text:byte(i))
    end
    return table.concat(out, " ")
end

function frame.xor(text, from, to)
    local check = 0
    for i = from, to do
        check = check ~ text:byte(i)
    end
    return check
end

function frame.sum(text, from, to)
    local check = 0
    for i = from, to do
        check = (check + text:byte(i)) % 256
    end
    return check
end

function frame.crc16(text)
    local crc = 0xFFFF
    for i = 1, #text do
        crc = crc ~ text:byte(i)
        for _ = 1, 8 do
            crc = crc & 1 == 1 and (crc >> 1) ~ 0xA001 or crc >> 1
        end
    end
    return crc
end

function frame.split(value, base)
    return value // base, value % base
end

function frame.join(high, low, base)
    return high * base + low
end

return frame
