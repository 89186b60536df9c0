"""Scorers that are registered, in MLflow's own server and in ours: the scenario."""
import json

import mlflow
from mlflow.genai import scorers as genai
from mlflow.genai.judges import make_judge
from mlflow.genai.scorers import registry
from mlflow.tracking._tracking_service.utils import _get_store


def shown(scorer):
    return {"name": scorer.scorer_name, "version": scorer.scorer_version,
            "text": json.loads(scorer._serialized_scorer), "id": len(scorer.scorer_id),
            "made": scorer.creation_time}


def scorers(walk):
    client, step = walk.client, walk.step
    mlflow.set_tracking_uri(walk.url)
    store = _get_store()
    first, second, gone = (client.create_experiment(f"scorers {i}") for i in range(3))
    client.delete_experiment(gone)

    def put(text, name="raw", experiment=first):
        return shown(store.register_scorer(experiment, name, text))

    def found(experiment=first):
        return [(scorer.name, type(scorer).__name__, getattr(scorer, "model", None))
                for scorer in genai.list_scorers(experiment_id=experiment)]
    step("none", found)
    polite = genai.Guidelines(name="polite", guidelines=["Be polite"], model="openai:/gpt-x")
    step("register", lambda: polite.register(experiment_id=first).name)
    step("again", lambda: polite.register(experiment_id=first).name)
    step("built in", lambda: genai.RelevanceToQuery().register(experiment_id=first).name)
    judge = make_judge(name="h\u00e9", instructions="Is {{ outputs }} right?",
                       model="anthropic:/m", feedback_value_type=bool)
    step("a judge", lambda: judge.register(experiment_id=first).name)
    step("another name", lambda: polite.register(name="kind", experiment_id=second).name)
    step("list", found)
    step("list of another", lambda: found(second))
    step("versions", lambda: [(one.name, version) for one, version in registry.list_scorer_versions(
        name="polite", experiment_id=first)])
    step("get", lambda: genai.get_scorer(name="polite", experiment_id=first).guidelines)
    step("get one", lambda: genai.get_scorer(name="polite", experiment_id=first,
                                             version=1).guidelines)
    step("the judge", lambda: genai.get_scorer(name="h\u00e9", experiment_id=first).instructions)
    step("get unknown", lambda: genai.get_scorer(name="none", experiment_id=first))
    step("get unknown version", lambda: genai.get_scorer(name="polite", experiment_id=first,
                                                         version=7))
    step("get of none", lambda: genai.get_scorer(name="polite", experiment_id="99999"))
    step("as it was sent", lambda: put('{"name": "raw",  "x": [1, 2.50, null]}'))
    for text in ("", "x", "{", '{"call_source": "import os"}',
                 '{"call_source": null}', '{"a": [{"b": {"call_source": "x"}}]}',
                 '{"third_party_scorer_data": {"kwargs": {"api_base": "http://a"}}}',
                 '{"third_party_scorer_data": {"kwargs": {"a": [["base_url", 1]]}}}',
                 '{"x": {"third_party_scorer_data": {"kwargs": [1]}}}',
                 '{"third_party_scorer_data": {"kwargs": {"a": 1}, "model": "openai:/x"}}',
                 '{"builtin_scorer_pydantic_data": {"model": " "}}',
                 '{"builtin_scorer_pydantic_data": {"model": 3}}',
                 '{"builtin_scorer_pydantic_data": {"model": "gateway:/none"}}',
                 '{"memory_augmented_judge_data": {"base_judge":'
                 ' {"instructions_judge_pydantic_data": {"model": "gateway:/none"}}}}'):
        step(text, lambda text=text: put(text))
    for name in ("", " "):
        step(f"name '{name}'", lambda name=name: put("{}", name))
    step("of a deleted experiment", lambda: put("{}", "x", gone))
    step("of no experiment", lambda: put("{}", "x", "99999"))
    step("list of a deleted one", lambda: found(gone))
    step("list of no one", lambda: found("99999"))
    step("raw versions", lambda: [shown(one)["version"] for one in store.list_scorer_versions(
        first, "raw")])
    step("delete one", lambda: genai.delete_scorer(name="polite", experiment_id=first, version=2))
    step("delete it again", lambda: genai.delete_scorer(name="polite", experiment_id=first,
                                                        version=2))
    step("newest", lambda: shown(store.get_scorer(first, "polite"))["version"])
    step("delete the last", lambda: genai.delete_scorer(name="polite", experiment_id=first,
                                                        version=1))
    step("none is left", lambda: store.get_scorer(first, "polite"))
    step("none in the list", lambda: [shown(one)["name"] for one in store.list_scorers(first)])
    step("anew", lambda: put("{}", "polite")["version"])
    step("delete all", lambda: genai.delete_scorer(name="raw", experiment_id=first,
                                                   version="all"))
    step("delete all again", lambda: genai.delete_scorer(name="raw", experiment_id=first,
                                                         version="all"))
    step("versions of none", lambda: store.list_scorer_versions(first, "raw"))
