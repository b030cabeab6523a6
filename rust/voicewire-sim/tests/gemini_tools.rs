//! Gemini Live's function calls: waited for and not, answered, cancelled, unknown.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{json, Value};
use support::gemini::*;
use support::{script, start, start_with};
use voicewire_sim::Simulator;

const WEATHER: &str = "I am asking weather.";

fn calling() -> Simulator {
    let call = json!({"name": "weather", "arguments": {"city": "Oslo"}, "call_id": "c1"});
    start_with(|config| config.script = script(json!([{"when": {"text": "rain"}, "tools": [call]}])))
}

fn weather(behavior: Value) -> Value {
    let mut setup = functions(json!([{"name": "weather", "behavior": behavior}]));
    setup["outputAudioTranscription"] = json!({});
    setup
}

fn answer(response: Value) -> Value {
    json!({"toolResponse": {"functionResponses": [response]}})
}

fn sunny(scheduling: &str) -> Value {
    answer(json!({"id": "c1", "name": "weather", "response": {"output": "sunny"}, "scheduling": scheduling}))
}

async fn call(client: &mut Gemini) -> Value {
    client.say("Will it rain?").await;
    client.until("/toolCall").await.pop().unwrap()["toolCall"]["functionCalls"].take()
}

#[tokio::test]
async fn the_model_waits_for_a_call_and_goes_on_by_itself() {
    let simulator = calling();
    let mut client = Gemini::session(&simulator, MODEL_2_5, weather(Value::Null)).await;
    let calls = call(&mut client).await;

    client.send(answer(json!({"id": "c1", "name": "weather", "response": {"output": "sunny"}}))).await;

    let turn = client.turn().await;
    assert_eq!(calls, json!([{"name": "weather", "args": {"city": "Oslo"}, "id": "c1"}]));
    assert_eq!(transcript(&turn, "outputTranscription"), "weather answered: sunny.");
    let ends = turn.iter().filter(|message| message["serverContent"]["generationComplete"] == true);
    assert_eq!(ends.count(), 1);
}

#[tokio::test]
async fn all_calls_of_a_group_are_waited_for() {
    let simulator = start_with(|config| {
        config.script = script(json!([{"tools": [{"name": "a"}, {"name": "b"}]}]));
    });
    let mut client = Gemini::session(&simulator, MODEL_3_1, json!({"outputAudioTranscription": {}})).await;
    client.say("go").await;
    let calls = client.until("/toolCall").await.pop().unwrap()["toolCall"]["functionCalls"].take();
    assert!(calls[0]["id"].as_str().unwrap().starts_with("fc_"));

    for index in [1, 0] {
        let id = &calls[index]["id"];
        client.send(answer(json!({"id": id, "name": "x", "response": {"index": index}}))).await;
    }

    let said = transcript(&client.turn().await, "outputTranscription");
    assert_eq!(said, "b answered: {\"index\":1}. a answered: {\"index\":0}.");
}

#[tokio::test]
async fn a_declared_function_is_called_when_the_user_names_it() {
    let simulator = start();
    let parameters = json!({"type": "OBJECT", "properties": {"city": {"type": "STRING"}, "days": {"type": "INTEGER"}}, "required": ["city", "days"]});
    let declared = functions(json!([{"name": "get_weather", "parameters": parameters}]));
    let mut client = Gemini::session(&simulator, MODEL_2_5, declared).await;

    client.say("Please get weather for Oslo").await;

    let called = client.until("/toolCall").await.pop().unwrap();
    let call = &called["toolCall"]["functionCalls"][0];
    assert_eq!((&call["name"], &call["args"]["days"]), (&json!("get_weather"), &json!(1)));
}

#[tokio::test]
async fn vertex_ends_the_turn_of_a_call_after_its_answer() {
    let simulator = calling();
    let mut client = Gemini::at(&simulator, VERTEX).await;
    client.set_up("gemini-live-2.5-flash", weather(Value::Null)).await;
    call(&mut client).await;

    client.send(sunny("WHEN_IDLE")).await;

    let first = client.turn().await;
    let second = client.turn().await;
    assert_eq!(kinds(&first), ["outputTranscription", "groundingMetadata", "generationComplete", "turnComplete"]);
    assert_eq!(transcript(&second, "outputTranscription"), "weather answered: sunny.");
}

#[tokio::test]
async fn calls_may_lack_ids() {
    let call = json!([{"when": {"text": "rain"}, "tools": [{"name": "weather"}]}]);
    let simulator = start_with(|config| {
        config.script = script(call);
        config.gemini.call_ids = false;
    });
    let mut client = Gemini::at(&simulator, VERTEX).await;
    client.set_up("gemini-live-2.5-flash", weather(Value::Null)).await;
    client.say("rain?").await;
    let called = client.until("/toolCall").await.pop().unwrap();

    client.send(answer(json!({"name": "weather", "response": {"output": "sunny"}}))).await;

    assert_eq!(called["toolCall"]["functionCalls"], json!([{"name": "weather", "args": {}}]));
    client.turn().await;
    assert!(transcript(&client.turn().await, "outputTranscription").contains("sunny"));
}

#[tokio::test]
async fn nobody_waits_for_a_non_blocking_call() {
    let simulator = calling();
    let mut client = Gemini::session(&simulator, MODEL_2_5, weather(json!("NON_BLOCKING"))).await;
    call(&mut client).await;
    let meanwhile = client.turn().await;

    client.send(sunny("WHEN_IDLE")).await;

    assert_eq!(transcript(&meanwhile, "outputTranscription"), WEATHER);
    assert_eq!(transcript(&client.turn().await, "outputTranscription"), "weather answered: sunny.");
}

#[tokio::test]
async fn a_result_interrupts_where_it_says_so() {
    let simulator = start_with(|config| {
        config.pace = 1.0;
        config.script = script(json!([{"when": {"text": "rain"}, "tools": [{"name": "weather", "call_id": "c1"}]}]));
    });
    let mut client = Gemini::session(&simulator, MODEL_2_5, weather(json!("NON_BLOCKING"))).await;
    call(&mut client).await;
    client.until("/serverContent/generationComplete").await;

    client.send(sunny("INTERRUPT")).await;

    assert_eq!(kinds(&client.turn().await), ["interrupted", "turnComplete"]);
    client.until("/serverContent/outputTranscription").await;
}

#[tokio::test]
async fn a_silent_result_is_known_and_not_told() {
    let simulator = calling();
    let mut client = Gemini::session(&simulator, MODEL_3_8, weather(Value::Null)).await;
    call(&mut client).await;
    client.turn().await;
    client.send(sunny("SILENT")).await;

    let turn = client.ask("and now?").await;

    assert!(transcript(&turn, "outputTranscription").starts_with("You said: and now?"));
}

#[tokio::test]
async fn a_new_turn_cancels_a_call_that_is_waited_for() {
    let simulator = calling();
    let mut client = Gemini::session(&simulator, MODEL_2_5, weather(Value::Null)).await;
    call(&mut client).await;

    client.say("Never mind").await;
    client.send(sunny("WHEN_IDLE")).await;

    let cancelled = client.turn().await;
    assert_eq!(cancelled[0], json!({"toolCallCancellation": {"ids": ["c1"]}}));
    assert_eq!(kinds(&cancelled)[1..], ["interrupted", "turnComplete"]);
    let next = client.turn().await;
    assert!(transcript(&next, "outputTranscription").starts_with("You said: Never mind."));
}

#[tokio::test]
async fn an_answer_to_no_call_is_1007() {
    let simulator = calling();
    let mut client = Gemini::session(&simulator, MODEL_2_5, weather(Value::Null)).await;
    client.send(sunny("WHEN_IDLE")).await;
    assert_eq!(client.closed().await.0, 1007);

    let mut client = Gemini::session(&simulator, MODEL_2_5, weather(Value::Null)).await;
    call(&mut client).await;
    client.send(answer(json!({"name": "weather", "response": {}}))).await;
    assert_eq!(client.closed().await.0, 1007);
}

#[tokio::test]
async fn the_extended_model_tells_whether_it_goes_on() {
    let simulator = calling();
    let model = "models/gemini-3.8-live-extended-thinking";
    let mut client = Gemini::session(&simulator, model, weather(Value::Null)).await;
    call(&mut client).await;
    let first = client.turn().await;

    client.send(sunny("WHEN_IDLE")).await;

    assert_eq!(first.last().unwrap()["serverContent"]["interactionStatus"], "IN_PROGRESS");
    let second = client.turn().await;
    assert_eq!(second.last().unwrap()["serverContent"]["interactionStatus"], "IDLE");
}
