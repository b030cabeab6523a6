//! MCP servers: tools are listed, and calls wait for approval (protocol notes, section 3.6); beside responses.

use std::time::{Duration, Instant};

use serde_json::{json, Value};

use super::{Cue, Session};
use crate::conversation::Item;
use crate::event::ErrorBody;
use crate::mcp;
use crate::reply::Part;
use crate::script_mcp::{Listing, McpCall, Outcome};

/// A server answers with its tools after this time at pace 1.
const LISTING: Duration = Duration::from_millis(1_200);

impl Session {
    /// Ask the servers among these tools that were not asked before.
    pub(super) fn list_tools(&mut self, tools: &Value, now: Instant) {
        for server in mcp::servers(tools) {
            if self.servers.contains(server) {
                continue;
            }
            self.servers.push(server.clone());
            let label = server["server_label"].as_str().unwrap_or_default();
            let item_id = self.outbox.ids.make("item");
            let item = json!({"id": item_id, "type": "mcp_list_tools", "server_label": label, "tools": []});
            self.conversation.push(Item::new(item.clone()));
            let fields = json!({"previous_item_id": self.conversation.before(&item_id), "item": item});
            self.outbox.push("conversation.item.added", fields);
            self.outbox.push("mcp_list_tools.in_progress", json!({ "item_id": item_id }));
            let listing = match self.stage.listing(label) {
                Listing::Tools(tools) => Listing::Tools(mcp::allowed(server, tools)),
                Listing::Failed => Listing::Failed,
            };
            let cue = Cue::Listing { item_id, listing };
            self.timeline.push(now + self.paced(LISTING), LISTING, cue);
        }
    }

    pub(super) fn end_listing(&mut self, item_id: &str, listing: Listing) {
        // A server that failed may be asked again by the next update.
        let kind = match &listing {
            Listing::Tools(_) => "mcp_list_tools.completed",
            Listing::Failed => "mcp_list_tools.failed",
        };
        self.outbox.push(kind, json!({ "item_id": item_id }));
        let Some(item) = self.conversation.find_mut(item_id) else {
            return;
        };
        match listing {
            Listing::Tools(tools) => item.value["tools"] = tools,
            Listing::Failed => {
                let label = item.value["server_label"].clone();
                self.servers.retain(|server| server["server_label"] != label);
            }
        }
        let value = item.value.clone();
        let fields = json!({"previous_item_id": self.conversation.before(item_id), "item": value});
        self.outbox.push("conversation.item.done", fields);
    }

    /// The request that an approval answers: one of the service, or one that the client wrote down.
    pub(super) fn check_approval(&self, item: &Item) -> Result<(), ErrorBody> {
        if item.kind() != "mcp_approval_response" {
            return Ok(());
        }
        let id = item.value["approval_request_id"].as_str().unwrap_or_default();
        let request = self.conversation.find(id).filter(|item| item.kind() == "mcp_approval_request");
        let answers = |item: &Item| item.kind() == "mcp_approval_response" && item.value["approval_request_id"] == id;
        let problem = match request {
            None => "not found in conversation",
            Some(_) if self.conversation.items().iter().any(answers) => "already has a response",
            Some(_) => return Ok(()),
        };
        let message = format!("MCP approval request '{id}' {problem}.");
        Err(ErrorBody::invalid("invalid_value", &message).about("item.approval_request_id"))
    }

    /// Make the call that was approved, or say that it may not be made, as soon as no response is running.
    pub(super) fn take_approval(&mut self, response: &Value, now: Instant) {
        let id = response["approval_request_id"].as_str().unwrap_or_default();
        let Some(call) = self.requested_call(id) else {
            return;
        };
        self.approvals.retain(|(request, _)| request != id);
        let approved = (response["approve"] == true).then(|| Part::McpCall(call, Some(id.to_owned())));
        self.decided.push(approved);
        self.continue_approved(now);
    }

    /// Go on after approvals: with the calls that may be made, else with words about those that may not.
    pub(super) fn continue_approved(&mut self, now: Instant) {
        if self.decided.is_empty() || self.active_response().is_some() {
            return;
        }
        let calls: Vec<_> = std::mem::take(&mut self.decided).into_iter().flatten().collect();
        self.respond(&Value::Null, None, Some(calls).filter(|calls| !calls.is_empty()), now);
    }

    fn requested_call(&self, id: &str) -> Option<McpCall> {
        let known = self.approvals.iter().find(|(request, _)| request == id).map(|(_, call)| call.clone());
        known.or_else(|| {
            let request = &self.conversation.find(id)?.value;
            let text = |key: &str| request[key].as_str().map(str::to_owned);
            Some(McpCall {
                server_label: text("server_label")?,
                name: text("name")?,
                arguments: text("arguments")?,
                outcome: Outcome::Output("done".to_owned()),
            })
        })
    }
}
