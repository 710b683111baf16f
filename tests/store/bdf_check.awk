# Checks data files against the rules of the Battery Data Format (Battery Data Alliance, ontology
# 1.3.0) and against what a runtime that writes its own data can promise beyond them.
#
#     LC_ALL=C awk -f bdf_check.awk [-v gaps=1] <first part> [<next part> …]
#
# Prints "<file>:<line>: <rule>" for each breach (at most 20) and exits 1, else prints a summary.
# gaps=1 allows Unix time to be re-anchored (a live run that was interrupted).

function breach(text) {
    if (++breach_count <= 20)
        printf "%s:%d: %s\n", FILENAME, FNR, text
    if (breach_count >= 20)
        exit 1
}

function labels(list, value,    names, count, i) {
    count = split(list, names, ";")
    for (i = 1; i <= count; i++)
        level[names[i]] = value
}

# "12.250" as 12250; the shape was checked before.
function ms(text,    parts) {
    split(text, parts, ".")
    return parts[1] * 1000 + (parts[1] ~ /^-/ ? -1 : 1) * substr(parts[2] "000", 1, 3)
}

function column(label) { return label in place ? place[label] : 0 }

BEGIN {
    FS = ","
    labels("Test Time / s;Voltage / V;Current / A", "required")
    labels("Unix Time / s;Cycle Count / 1;Step Count / 1;Ambient Temperature / degC", "recommended")
    labels("Step ID;Step Type;Step Time / s;Record Index / 1;Step Record Index / 1", "optional")
    labels("Charging Capacity / Ah;Discharging Capacity / Ah;Net Capacity / Ah", "optional")
    labels("Charging Energy / Wh;Discharging Energy / Wh;Net Energy / Wh", "optional")
    labels("Cumulative Capacity / Ah;Cumulative Energy / Wh;Power / W", "optional")
    labels("Surface Temperature / degC;Temperature T1 / degC;Temperature T2 / degC", "optional")
    labels("Temperature T3 / degC;Temperature T4 / degC;Temperature T5 / degC", "optional")
    labels("Ambient Pressure / Pa;Applied Pressure / Pa;Surface Pressure / Pa", "optional")
    count = split("Charging Capacity / Ah;Discharging Capacity / Ah;" \
                  "Charging Energy / Wh;Discharging Energy / Wh", totals, ";")
}

FNR == 1 {
    file = FILENAME
    sub(/.*\//, "", file)
    if (file !~ /^[A-Za-z0-9-]+__[A-Za-z0-9-]+__[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]_[0-9][0-9][0-9]+\.bdf\.csv$/)
        breach("the name is not <institution>__<cell>__<yyyymmdd>_<nnn>.bdf.csv")
    if (part_count++ > 0 && $0 != header)
        breach("the header differs from that of the part before")
    header = $0
    if (part_count > 1)
        next
    rank = 0
    for (i = 1; i <= NF; i++) {
        if (!($i in level))
            breach("'" $i "' is not a preferred label that may be written")
        if ($i in place)
            breach("'" $i "' stands twice")
        place[$i] = i
        name[i] = $i
        may_be_empty[i] = $i ~ /Temperature|Pressure|Voltage|Current/
        next_rank = level[$i] == "required" ? 0 : level[$i] == "recommended" ? 1 : 2
        if (next_rank < rank)
            breach("'" $i "' comes after a column of a lower level")
        rank = next_rank
    }
    width = NF
    for (label in level)
        if (level[label] != "optional" && !(label in place))
            breach("the " level[label] " column '" label "' is missing")
    time = column("Test Time / s"); unix = column("Unix Time / s"); step_time = column("Step Time / s")
    cycle = column("Cycle Count / 1"); step = column("Step Count / 1"); id = column("Step ID")
    type = column("Step Type"); record = column("Record Index / 1"); current = column("Current / A")
    next
}

{
    row_count++
    if (/\r/)
        breach("a carriage return: lines end in LF alone")
    if (NF != width) {
        breach("the row has " NF " fields, the header " width)
        next
    }
    for (i = 1; i <= NF; i++) {
        if (i == type) {
            if ($i !~ /^[A-Z0-9_]+$/)
                breach("Step Type '" $i "' is not a word in capitals")
            continue
        }
        if ($i == "") {
            if (!may_be_empty[i])
                breach("'" name[i] "' is empty")
            continue
        }
        if ($i !~ /^-?[0-9]+(\.[0-9]+)?$/)
            breach("'" name[i] "' is '" $i "', which is not a plain decimal number")
        dot = index($i, ".")
        decimals = dot ? length($i) - dot : 0
        if (i in digits && digits[i] != decimals)
            breach("'" name[i] "' changes its number of decimals")
        digits[i] = decimals
        if ($i + 0 == 0 && substr($i, 1, 1) == "-")
            breach("'" name[i] "' is a negative zero")
    }
    if ($cycle !~ /^[0-9]+$/ || $step !~ /^[0-9]+$/ || (record && $record !~ /^[0-9]+$/))
        breach("a count is not a whole number")
    check_against_last()
    split($0, last)
    have_last = 1
}

function check_against_last(    i, c, d_charge, d_discharge) {
    if (record && $record != row_count)
        breach("Record Index is " $record ", expected " row_count)
    if (!have_last) {
        if ($time < 0)
            breach("Test Time is negative")
        offset = ms($unix) - ms($time)
        return
    }
    if ($time + 0 < last[time] + 0)
        breach("Test Time goes back from " last[time] " to " $time)
    if (ms($unix) - ms($time) != offset) {
        if (!gaps)
            breach("Unix Time and Test Time do not advance together")
        offset = ms($unix) - ms($time)
    }
    if ($cycle + 0 < last[cycle] + 0)
        breach("Cycle Count falls from " last[cycle] " to " $cycle)
    if ($step != last[step] && $step != last[step] + 1)
        breach("Step Count goes from " last[step] " to " $step "; each execution adds 1")
    if ($step == last[step] && (($id != last[id]) || ($type != last[type])))
        breach("Step ID or Step Type changes within a step")
    if ($step == last[step] && $step_time + 0 < last[step_time] + 0)
        breach("Step Time goes back within a step")
    if ($step == last[step] && ms($step_time) - ms(last[step_time]) > ms($time) - ms(last[time]) + 1)
        breach("Step Time runs faster than Test Time")
    if ($step != last[step] && ms($step_time) > ms($time) - ms(last[time]) + 1)
        breach("Step Time does not begin anew with the step")
    for (i = 1; i <= count; i++) {
        c = column(totals[i])
        if (c && ($c + 0 < last[c] + 0 || $c < 0))
            breach("'" totals[i] "' falls from " last[c] " to " $c "; it never resets")
    }
    c = column("Charging Capacity / Ah")
    d_charge = c ? $c - last[c] : 0
    c = column("Discharging Capacity / Ah")
    d_discharge = c ? $c - last[c] : 0
    if ($step == last[step] && $current > 0 && last[current] > 0 && d_discharge > 0)
        breach("Discharging Capacity rises under positive current")
    if ($step == last[step] && $current < 0 && last[current] < 0 && d_charge > 0)
        breach("Charging Capacity rises under negative current")
}

END {
    if (part_count == 0) {
        print "there is no header"
        exit 1
    }
    if (breach_count > 0)
        exit 1
    printf "%d rows in %d part(s), %d columns: lawful\n", row_count, part_count, width
}
