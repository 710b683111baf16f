# The part of JSON Schema draft-07 that our schema uses, as a filter: {schema, documents: [{name, value}]} in, one line per
# mistake out ("name: path: what"). A schema word that is not known here is itself a mistake.
def known: ["$schema", "title", "description", "$ref", "type", "enum", "pattern", "properties", "additionalProperties",
    "required", "items", "minItems", "maxItems", "anyOf", "allOf", "not", "if", "then", "else", "definitions"];

def validate($root; $schema; $value; $path):
  def check($s; $v; $p): validate($root; $s; $v; $p);
  if $schema["$ref"] then
    ($schema["$ref"] | ltrimstr("#/definitions/")) as $name
    | if $root.definitions[$name] == null then "\($path): no definition \($name)"
      else check($root.definitions[$name]; $value; $path) end
  else
    ($schema | keys[] | select(. as $k | known | index($k) | not) | "\($path): unknown word of schema: \(.)"),
    (if $schema.type != null then
       ([$schema.type] | flatten) as $types
       | ($value | type) as $type
       | if ($types | index($type)) then empty else "\($path): \($type), not \($types | join(" or "))" end
     else empty end),
    (if $schema.enum != null and ($schema.enum | index([$value]) | not) then "\($path): not one of the choices" else empty end),
    (if $schema.pattern != null and ($value | type) == "string" then
       if ($value | test($schema.pattern)) then empty else "\($path): \"\($value)\" does not fit" end
     else empty end),
    (if ($value | type) == "object" then
       ($schema.required // [] | .[] | select(. as $k | $value | has($k) | not) | "\($path): \(.) is missing"),
       ($value | keys[] as $k
         | if $schema.properties[$k] != null then check($schema.properties[$k]; $value[$k]; "\($path).\($k)")
           elif $schema.additionalProperties == false then "\($path): unknown key \($k)"
           elif ($schema.additionalProperties | type) == "object"
             then check($schema.additionalProperties; $value[$k]; "\($path).\($k)")
           else empty end)
     else empty end),
    (if ($value | type) == "array" then
       (if $schema.items != null then ($value | keys[] as $i | check($schema.items; $value[$i]; "\($path)[\($i)]")) else empty end),
       (if ($value | length) < ($schema.minItems // 0) then "\($path): too short" else empty end),
       (if $schema.maxItems != null and ($value | length) > $schema.maxItems then "\($path): too long" else empty end)
     else empty end),
    (if $schema.anyOf != null then
       [$schema.anyOf[] as $s | [check($s; $value; $path)]] as $all
       | if ($all | any(length == 0)) then empty else ($all | min_by(length) | .[]) end
     else empty end),
    (if $schema.allOf != null then ($schema.allOf[] as $s | check($s; $value; $path)) else empty end),
    (if $schema.not != null and ([check($schema.not; $value; $path)] | length) == 0 then "\($path): not allowed" else empty end),
    (if $schema["if"] != null then
       if ([check($schema["if"]; $value; $path)] | length) == 0
       then (if $schema.then != null then check($schema.then; $value; $path) else empty end)
       else (if $schema["else"] != null then check($schema["else"]; $value; $path) else empty end) end
     else empty end)
  end;

.schema as $root
| .documents[] as $document
| [validate($root; $root; $document.value; "")] | unique[] | "\($document.name): \(.)"
