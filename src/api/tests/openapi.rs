//! Tests: what every call takes and gives, and `openapi.json` made of it and of ROUTES (OpenAPI 3.1). Never in the binary:
//! that has the file, which `RUT_AGENT_BLESS=1 cargo test --lib openapi` writes and the same test holds.
//!
//! Types are written short: `s` text, `t` a time (RFC 3339), `i` a whole number and its maximum, `n` a number, `b` true
//! or false, `x` anything, `a|b` one of these, `@Name` a schema, `[Name` a list of it, `[s` of texts; `?` may be null.
//! A field that begins with `-` may be left out.

use serde_json::{Map, Value, json};

use super::super::routes::ROUTES;

/// A call: method, path, parameters, body, status and body of the answer.
type Call = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

#[rustfmt::skip]
const CALLS: &[Call] = &[
    ("GET", "/", "", "", "200", "text/html"),
    ("GET", "/openapi.json", "", "", "200", "x"),
    ("GET", "/metrics", "", "", "200", "text/plain"),
    ("GET", "/healthz", "", "", "200", "@Healthy"),
    ("GET", "/api/v1/healthz", "", "", "200", "@Healthy"),
    ("GET", "/api/v1/status", "", "", "200", "@Status"),
    ("GET", "/api/v1/signal", "live:i1", "", "200", "@Signal"),
    ("GET", "/api/v1/signal/history", "since:t step_s:i2592000", "", "200", "@History"),
    ("GET", "/api/v1/storage", "", "", "200", "@Storage"),
    ("PUT", "/api/v1/storage", "", "@NewStorage", "200", "@Storage"),
    ("GET", "/api/v1/smpp", "", "", "200", "@Smpp"),
    ("GET", "/api/v1/calls", "", "", "200", "@Calls"),
    ("POST", "/api/v1/calls", "", "@NewCall", "202", "@Calls"),
    ("DELETE", "/api/v1/calls/current", "", "", "204", ""),
    ("POST", "/api/v1/calls/current/answer", "", "", "200", "@Calls"),
    ("POST", "/api/v1/ussd", "", "@NewUssd", "200", "@Ussd"),
    ("POST", "/api/v1/at", "", "@NewAt", "200", "@At"),
    ("GET", "/api/v1/push", "", "", "200", "@Push"),
    ("POST", "/api/v1/push/{name}/test", "", "", "200", "@PushTested"),
    ("POST", "/api/v1/messages", "", "@NewMessage", "202", "@Queued"),
    ("POST", "/api/v1/messages/preview", "", "@Text", "200", "@Cost"),
    ("GET", "/api/v1/messages", "box:inbox|sent after:i limit:i200 from:s q:s", "", "200", "@Messages"),
    ("GET", "/api/v1/messages/{id}", "", "", "200", "@Message"),
    ("PATCH", "/api/v1/messages/{id}", "", "@Mark", "200", "@Message"),
    ("DELETE", "/api/v1/messages/{id}", "", "", "204", ""),
    ("GET", "/api/v1/events", "after:i limit:i200 wait:i60", "", "200", "@Events"),
];

#[rustfmt::skip]
const SCHEMAS: &[(&str, &str)] = &[
    ("Problem", "type:s title:s status:i detail:s code:s"),
    ("Healthy", "status:s modem:s"),
    ("Status", "agent:@Agent modem:@Modem sim:@Sim network:@Network signal:@Signal storage:@Storage queues:@Queues smpp:@SmppCounts inbox:x"),
    ("Agent", "version:s uptime_s:i name:s? started_at:t state_bytes:i state_limit:i flash_written:i"),
    ("Modem", "state:absent|starting|sim-absent|sim-pin|searching|ready|unresponsive tty:s? manufacturer:s? model:s? revision:s? imei:s? temperature_c:n?"),
    ("Sim", "state:s? iccid:s? imsi:s? smsc:s?"),
    ("Network", "registration:s operator:s? plmn:s? technology:s? area:s? cell:s? band:s? channel:i? pci:i? neighbours:[Neighbour"),
    ("Neighbour", "channel:i pci:i? rsrp_dbm:n? rsrq_db:n?"),
    ("Signal", "at:t? technology:s? rssi_dbm:n? rsrp_dbm:n? rsrq_db:n? sinr_db:n? rscp_dbm:n? ecio_db:n? bars:i5?"),
    ("History", "step_s:i fields:[s samples:[x"),
    ("Storage", "location:sm|me used:i? total:i? leave_free:i"),
    ("NewStorage", "-location:sm|me? -leave_free:i255?"),
    ("Queues", "outbox:i push:i"),
    ("SmppCounts", "sessions:i submitted:i delivered:i failed:i refused:i"),
    ("Smpp", "listening:[s sessions:[SmppSession"),
    ("SmppSession", "peer:s mode:s version:s since:t submitted:i delivered:i in_flight:i"),
    ("Mark", "read:b"),
    ("Calls", "calls:[Call"),
    ("Call", "direction:incoming|outgoing number:s? state:s started_at:t"),
    ("NewCall", "to:s"),
    ("NewUssd", "code:s"),
    ("Ussd", "text:s more:b"),
    ("NewAt", "command:s"),
    ("At", "lines:[s result:s"),
    ("Push", "targets:[Target"),
    ("Target", "name:s queued:i delivered:i failed:i last_error:s?"),
    ("PushTested", "delivered:b status:i"),
    ("NewMessage", "to:x text:s -flash:b -report:b -validity_s:i4294967295?"),
    ("Text", "text:s"),
    ("Queued", "messages:[QueuedMessage"),
    ("QueuedMessage", "id:s to:s status:s encoding:s parts:i"),
    ("Cost", "encoding:s parts:i characters:i left_in_part:i"),
    ("Messages", "messages:[Message next:s?"),
    ("Message", "id:s box:inbox|sent text:s parts:i -from:s -received_at:t -sent_at:t? -complete:b -read:b -class:i3? -to:s -status:s -error:x -created_at:t -delivered_at:t? -encoding:s -flash:b"),
    ("Events", "events:[Event next:i"),
    ("Event", "seq:i type:s at:t message:s? data:x"),
];

fn put(object: &mut Value, name: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(String::from(name), value);
    }
}

fn schema(code: &str) -> Value {
    if let Some(code) = code.strip_suffix('?') {
        return json!({"anyOf": [schema(code), {"type": "null"}]});
    }
    if let Some(name) = code.strip_prefix('@') {
        return json!({"$ref": format!("#/components/schemas/{name}")});
    }
    if let Some(name) = code.strip_prefix('[') {
        let items = match name {
            "s" | "x" => schema(name),
            name => schema(&format!("@{name}")),
        };
        return json!({"type": "array", "items": items});
    }
    if code.contains('|') {
        let words: Vec<&str> = code.split('|').collect();
        return json!({"type": "string", "enum": words});
    }
    if let Some(most) = code.strip_prefix('i') {
        let mut whole = json!({"type": "integer", "minimum": 0});
        if let Ok(most) = most.parse::<u64>() {
            put(&mut whole, "maximum", json!(most));
        }
        return whole;
    }
    match code {
        "s" => json!({"type": "string"}),
        "t" => json!({"type": "string", "format": "date-time"}),
        "n" => json!({"type": "number"}),
        "b" => json!({"type": "boolean"}),
        _anything => json!({}),
    }
}

fn fields(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(' ').filter_map(|field| field.split_once(':'))
}

fn object(text: &str) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, code) in fields(text) {
        let bare = name.trim_start_matches('-');
        if bare == name {
            required.push(name);
        }
        properties.insert(String::from(bare), schema(code));
    }
    json!({"type": "object", "required": required, "properties": properties})
}

fn content(code: &str) -> Value {
    let (kind, schema) = match code.contains('/') {
        true => (code, json!({"type": "string"})),
        false => ("application/json", schema(code)),
    };
    json!({kind: {"schema": schema}})
}

fn operation(summary: &str, (_, path, query, body, status, answer): &Call) -> Value {
    let in_path =
        path.split(['{', '}']).skip(1).step_by(2).map(
            |name| json!({"name": name, "in": "path", "required": true, "schema": schema("s")}),
        );
    let in_query = fields(query)
        .map(|(name, code)| json!({"name": name, "in": "query", "schema": schema(code)}));
    let parameters: Vec<Value> = in_path.chain(in_query).collect();
    let mut good = json!({"description": "Done"});
    if !answer.is_empty() {
        put(&mut good, "content", content(answer));
    }
    let mut responses =
        json!({*status: good, "default": {"$ref": "#/components/responses/Problem"}});
    // A message that waited is cancelled and shown; one that was over is simply gone.
    if *path == "/api/v1/messages/{id}" && *status == "204" {
        let shown = json!({"description": "Cancelled", "content": content("@Message")});
        put(&mut responses, "200", shown);
    }
    let mut operation =
        json!({"summary": summary, "parameters": parameters, "responses": responses});
    if !body.is_empty() {
        let body = json!({"required": true, "content": content(body)});
        put(&mut operation, "requestBody", body);
    }
    if *path == "/" {
        put(&mut operation, "security", json!([]));
    }
    operation
}

fn document() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let call = CALLS
            .iter()
            .find(|call| (call.0, call.1) == (route.method, route.path));
        let Some(call) = call else { continue };
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        let method = route.method.to_ascii_lowercase();
        put(path, &method, operation(route.summary, call));
    }
    let schemas: Map<String, Value> = SCHEMAS
        .iter()
        .map(|(name, fields)| (String::from(*name), object(fields)))
        .collect();
    let problem = json!({"application/problem+json": {"schema": schema("@Problem")}});
    json!({
            "openapi": "3.1.0",
            "info": {"title": "rut-agent", "version": env!("CARGO_PKG_VERSION")},
            "security": [{"bearer": []}, {"basic": []}],
            "paths": paths,
            "components": {
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer"},
                    "basic": {"type": "http", "scheme": "basic"},
                },
                "responses": {"Problem": {"description": "Why not (RFC 9457)", "content": problem}},
                "schemas": schemas,
            },
    })
}

#[test]
fn the_file_describes_every_call() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/api/openapi.json");
    let made = document().to_string();
    if std::env::var_os("RUT_AGENT_BLESS").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), made);
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let mut described: Vec<(&str, &str)> = CALLS.iter().map(|call| (call.0, call.1)).collect();
    let mut routes: Vec<(&str, &str)> = ROUTES
        .iter()
        .map(|route| (route.method, route.path))
        .collect();
    described.sort_unstable();
    routes.sort_unstable();
    assert_eq!(described, routes);
}

#[test]
fn every_schema_that_is_named_is_there_and_used() {
    let calls = CALLS.iter().flat_map(|call| [call.3, call.5]);
    let fields = SCHEMAS
        .iter()
        .flat_map(|(_, text)| fields(text).map(|(_, code)| code));
    let named: Vec<&str> = calls
        .chain(fields)
        .filter_map(|code| code.trim_end_matches('?').strip_prefix(['@', '[']))
        .filter(|name| !["s", "x"].contains(name))
        .chain(["Problem"])
        .collect();
    for name in &named {
        assert!(SCHEMAS.iter().any(|(known, _)| known == name), "{name}");
    }
    for (name, _) in SCHEMAS {
        assert!(named.contains(name), "{name} is not used");
    }
}
