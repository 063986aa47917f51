//! Texts beside and beyond the original length of LongRoPE, against the reference.
//!
//! `tests/reference/longrope.py` wrote the values.

use serde_json::Value;

use super::*;

fn reference() -> Value {
    serde_json::from_slice(&std::fs::read(folder("phi3-longrope.json")).unwrap()).unwrap()
}

fn long_engine(settings: &EngineSettings) -> Engine {
    let mut json: Value = serde_json::from_slice(&std::fs::read(folder("phi3").join("config.json")).unwrap()).unwrap();
    for (key, value) in reference()["config"].as_object().unwrap() {
        json[key] = value.clone();
    }
    let (_, source) = files("phi3");
    let config = ModelConfig::parse(&json).unwrap();
    let decoder = load(&config, &source, Arithmetic::Exact);
    Engine::start(EngineModel { config, decoder, stop_tokens: Vec::new(), detokenizer: None }, settings).unwrap()
}

fn tokens(row: &Value) -> Vec<u32> {
    row["tokens"].as_array().unwrap().iter().map(|token| token.as_u64().unwrap() as u32).collect()
}

#[track_caller]
fn check_logprobs(found: &[f32], row: &Value) {
    let expected: Vec<f64> = row["logprobs"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
    assert_eq!(found.len(), expected.len());
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((f64::from(*found) - expected).abs() < 2e-4, "{found} for {expected} at {index}");
    }
}

#[tokio::test]
async fn a_text_is_scored_by_the_factors_of_its_whole_length() {
    let engine = long_engine(&small());
    for row in reference()["scored"].as_array().unwrap() {
        let tokens = tokens(row);
        let scores = engine.score(&tokens[..1], &tokens[1..], 0).await.unwrap();
        check_logprobs(&scores.iter().map(|score| score.logprob).collect::<Vec<_>>(), row);
    }
}

#[tokio::test]
async fn a_reply_that_outgrows_the_original_length_is_continued_by_the_long_factors() {
    let engine = long_engine(&small());
    for row in reference()["greedy"].as_array().unwrap() {
        let (tokens, prompt) = (tokens(row), row["prompt"].as_u64().unwrap() as usize);
        let completion = engine.generate(greedy(&tokens[..prompt], 24)).await.unwrap();
        assert_eq!(completion.tokens, tokens[prompt..], "after {prompt}");
        check_logprobs(&completion.logprobs, row);
        let (prompt, reply) = tokens.split_at(prompt);
        let verified = engine.verify_rollout(prompt, reply, Sampling::greedy()).await.unwrap();
        assert_eq!((verified.mismatch, verified.logprobs), (None, completion.logprobs));
    }
}

#[tokio::test]
async fn long_texts_have_the_same_bits_however_the_work_is_cut_up() {
    let mut requests = mixed_requests();
    for request in &mut requests {
        request.max_new_tokens += 30;
    }
    let order: Vec<usize> = (0..requests.len()).collect();
    let expected = bits(&run(&long_engine(&alone()), &requests, &order).await);
    for (rows, chunk, pages, page_tokens, prefix_cache) in [
        (16, 512, 200, 32, true),
        (3, 1, 20, 32, true),
        (5, 7, 8, 32, false),
        (10, 64, 4, 64, true),
        (8, 5, 5, 32, true),
    ] {
        let settings = EngineSettings { rows, chunk, pages, page_tokens, prefix_cache, ..EngineSettings::default() };
        let engine = long_engine(&settings);
        for round in 0..2 {
            assert_eq!(bits(&run(&engine, &requests, &order).await), expected, "round {round}, {settings:?}");
        }
    }
}
