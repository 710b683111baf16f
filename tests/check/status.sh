# status_of CHANNEL KEY: one text out of `cyclostat status`. Tests ask many times a second, and jq takes 50 ms to begin.
status_of() { "$cyclostat" status "$1" --json | sed -nE "s/^[^}]*\"$2\": *\"(([^\"\\]|\\\\.)*)\".*/\1/p"; }
