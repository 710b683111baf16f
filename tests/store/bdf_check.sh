#!/bin/bash
# Checks the data of runs against the rules of the Battery Data Format:
#     bdf_check.sh [--gaps] <run folder | data file> …
# The rows by bdf_check.awk; here what awk cannot see: bytes, the last line feed, the sidecar.
# Exit code 0: lawful, 1: not, 2: nothing to check.
set -u
awk() { LC_ALL=C command awk "$@"; } # mawk would take the decimal comma of the locale
export LC_ALL=C
here=$(dirname "${BASH_SOURCE[0]}")
gaps=0
[ "${1-}" = --gaps ] && gaps=1 && shift
[ $# -gt 0 ] || { echo "usage: ${0##*/} [--gaps] <run folder | data file> …" >&2; exit 2; }

# Keys that a reader of the sidecar accepts; all others are refused.
sidecar_rules='
  type == "object"
  and (keys - ["battinfo_test", "battinfo_cell", "battinfo_channel", "battinfo_equipment",
               "battinfo_test_protocol", "bdf", "raw", "extras"] == [])
  and (.battinfo_test.test | keys - ["cell_id", "channel_id", "conditions", "conformance",
         "dataset_ids", "description", "ended_at", "equipment_id", "id", "identifier",
         "instrument_name", "kind", "name", "protocol_id", "protocol_name", "protocol_url",
         "short_id", "started_at", "status"] == [])
  and (.battinfo_test.test.started_at | type == "number" and . == floor)
  and (.battinfo_test.test.status | IN("running", "completed", "aborted"))
  and (.battinfo_cell.cell_instance | keys - ["name"] == [])
  and ((.battinfo_test.test.status == "aborted") == (.battinfo_test.test.conformance.status == "non-conformant"))
  and (.battinfo_test.provenance.source_type | IN("measurement", "simulation"))
  and all(.battinfo_test.artifacts[]; (.sha256 | test("^[0-9a-f]{64}$")) and .role == "source_protocol")'

check_bytes() { # <file>
    [ "$(head -c 3 "$1")" != $'\xef\xbb\xbf' ] || { echo "$1: begins with a byte order mark"; return 1; }
    [ "$(tail -c 1 "$1" | od -An -tx1 | tr -d ' ')" = 0a ] || { echo "$1: the last line is torn"; return 1; }
    iconv -f UTF-8 -t UTF-8 "$1" >/dev/null 2>&1 || { echo "$1: is not UTF-8"; return 1; }
}

check_sidecar() { # <file>
    local sidecar=${1%.csv}.metadata.json
    [ -e "$sidecar" ] || { echo "$1: has no sidecar $(basename "$sidecar")"; return 1; }
    jq -e "$sidecar_rules" "$sidecar" >/dev/null 2>&1 || { echo "$sidecar: breaks the rules of a sidecar"; return 1; }
}

failed=0
for target in "$@"; do
    parts=("$target")
    [ -d "$target" ] && parts=("$target"/*.bdf.csv)
    [ -e "${parts[0]}" ] || { echo "$target: no data file" >&2; exit 2; }
    for part in "${parts[@]}"; do
        check_bytes "$part" || failed=1
        [ ! -d "$target" ] || check_sidecar "$part" || failed=1
    done
    awk -v gaps=$gaps -f "$here/bdf_check.awk" "${parts[@]}" || failed=1
done
exit $failed
