#!/usr/bin/env bash
# Which folder may include which: the layers of src/ARCHITECTURE.md, and the folders that alone see
# the headers of other people's libraries.
#
# A folder's headers are for others, but those named *_int.h are its own.
cd "$1" || exit 2

awk '
BEGIN {
    # folder: what it may include besides itself. "core/core.h" is that header alone.
    may["base"] = ""
    may["core"] = "base"
    may["cell"] = "base core/types.h core/core.h"
    may["protocol"] = "base core"
    may["store"] = "base core/types.h core/core.h core/core_state.h"
    may["device"] = "base core/types.h core/core.h"
    may["emulate"] = "base core/types.h core/core.h cell"
    may["driver"] = "base core/types.h device"
    may["emulator"] = "base core/types.h core/core.h cell emulate"
    may["run"] = "base core cell protocol store device"
    may["cli"] = "base core cell protocol store device emulate run"

    owner["yaml.h"] = "base"
    owner["lua.h"] = owner["lauxlib.h"] = owner["lualib.h"] = "protocol device"
    owner["libserialport.h"] = "device"
    owner["sqlite3.h"] = "store"

    for (folder in may) {
        count = split(may[folder], words, " ")
        allowed[folder, folder] = 1
        for (i = 1; i <= count; i++) {
            allowed[folder, words[i]] = 1
        }
    }
}

function complain(text) {
    printf "%s:%d: %s\n", FILENAME, FNR, text
    bad++
}

FNR == 1 {
    split(FILENAME, parts, "/")
    folder = parts[2]
    # drivers/<instrument>/: the driver and the emulator know nothing of each other.
    if (parts[1] == "drivers") {
        folder = parts[3] ~ /^emulator/ ? "emulator" : "driver"
    }
    if (!(folder in may)) {
        complain("the folder " folder " has no row in tests/style/includes.sh")
    }
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, quoted, "\"")
    header = quoted[2]
    slash = index(header, "/")
    from = substr(header, 1, slash - 1)
    if (slash == 0) {
        complain("write the include from src/ on: \"" folder "/" header "\"")
    } else if (!((folder, from) in allowed) && !((folder, header) in allowed) &&
               !(index(header, "/") > 0 && FILENAME == "drivers/" from "/" parts[3])) {
        complain(folder " may not include " header)
    } else if (from != folder && header ~ /_int\.h$/) {
        complain(header " is for " from " alone")
    }
}

/^[ \t]*#[ \t]*include[ \t]*</ {
    split($0, angled, /[<>]/)
    header = angled[2]
    if (header in owner && index(" " owner[header] " ", " " folder " ") == 0) {
        complain("only " owner[header] " may include " header)
    } else if (header ~ /^(yaml|lua|sqlite)/ && !(header in owner)) {
        complain(header " has no row in tests/style/includes.sh")
    }
    seen++
}

END {
    if (seen < 20) {
        print "hardly any includes found: is this the right place?"
        bad++
    }
    exit bad > 0
}
' $(find src drivers -name '*.[ch]' | sort)
