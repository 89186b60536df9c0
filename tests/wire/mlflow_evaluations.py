"""Evaluation data sets, in MLflow's own server and in ours: the scenario."""
import hashlib
import json

import mlflow
import pandas
from mlflow.genai import datasets as genai
from mlflow.tracking._tracking_service.utils import _get_store


def shown(dataset):
    digest = hashlib.sha256(f"{dataset.name}:{dataset.last_update_time}".encode()).hexdigest()[:8]
    tags = {key: value for key, value in dataset.tags.items() if key != "mlflow.user"}
    return {"name": dataset.name, "tags": tags, "fields": json.loads(dataset.schema or "null"),
            "profile": dataset.profile, "digest": dataset.digest == digest,
            "id": (dataset.dataset_id[:2], len(dataset.dataset_id)),
            "by": [dataset.created_by == dataset.tags.get("mlflow.user"),
                   dataset.last_updated_by is None]}


def records_of(dataset):
    records, _ = _get_store()._load_dataset_records(dataset.dataset_id)
    return sorted(({"inputs": one.inputs, "outputs": one.outputs, "tags": {
        key: value for key, value in one.tags.items() if key != "mlflow.user"},
        "expectations": one.expectations, "source": one.source and one.source.to_dict(),
        "from": (one.source_type, one.source_id), "id": one.dataset_record_id[:3]}
        for one in records), key=lambda one: json.dumps(one, sort_keys=True))


def evaluations(walk):
    client, step = walk.client, walk.step
    mlflow.set_tracking_uri(walk.url)
    store = _get_store()
    first, second = (client.create_experiment(f"evaluations {i}") for i in range(2))
    one = genai.create_dataset(name="eval one", experiment_id=first, tags={"team": "risk", "a": ""})
    step("made", lambda: shown(one))
    step("its experiments", lambda: [int(i) - int(first) for i in one.experiment_ids])
    step("same name", lambda: shown(genai.create_dataset(name="eval one")))
    step("two", lambda: shown(genai.create_dataset(name="eval two",
                                                   experiment_id=[first, second])))
    step("no name", lambda: client.create_dataset(""))
    step("get", lambda: shown(genai.get_dataset(dataset_id=one.dataset_id)))
    step("unknown", lambda: genai.get_dataset(dataset_id="d-none"))
    step("empty", lambda: [records_of(one), len(one.to_df())])

    def merge(records):
        one.merge_records(records)
        return shown(genai.get_dataset(dataset_id=one.dataset_id))

    def put(records):
        return store.upsert_dataset_records(one.dataset_id, records)
    step("merge", lambda: merge([
        {"inputs": {"q": "h\u00e9?", "n": 1}, "expectations": {"answer": "42"}},
        {"inputs": {"q": "b", "n": 2.5, "deep": {"z": [1, {"y": None}], "a": True}},
         "outputs": {"r": 1}}]))
    step("records", lambda: records_of(one))
    step("the same inputs", lambda: merge([
        {"inputs": {"n": 1, "q": "h\u00e9?"}, "expectations": {"more": [1]}, "tags": {"t": "u"}},
        {"inputs": {"deep": {"a": True, "z": [1, {"y": None}]}, "q": "b", "n": 2.5},
         "expectations": {"answer": 1.5}, "outputs": None}]))
    step("merged", lambda: records_of(one))
    step("a frame", lambda: merge(pandas.DataFrame({
        "inputs": [{"q": "f"}], "expectations": [{"answer": "x"}], "tags": [{"k": "v"}]})))
    step("nothing", lambda: put([]))
    step("counts", lambda: put([{"inputs": {"q": "f"}}, {"inputs": {"q": "g"}},
                                {"inputs": {"q": "g"}, "outputs": "text"}, {}]))
    step("numbers differ", lambda: put([{"inputs": {"q": 1}}, {"inputs": {"q": 1.0}},
                                        {"inputs": {"q": True}}, {"inputs": {"q": "1"}}]))
    step("sources", lambda: put([
        {"inputs": {"s": 1}, "source": {"source_type": "trace", "source_data": {
            "trace_id": "tr-1", "x": 2}}},
        {"inputs": {"s": 2}, "source": {"source_type": "DOCUMENT", "source_data": {
            "source_id": "doc"}}},
        {"inputs": {"s": 3}, "source": {"source_type": "UNSPECIFIED"}},
        {"inputs": {"s": 4}, "source": {}}]))
    step("bad source", lambda: put([{"inputs": {"s": 5}, "source": {"source_type": "rumour"}}]))
    step("all", lambda: [shown(genai.get_dataset(dataset_id=one.dataset_id)), records_of(one)])
    step("outputs of a type", lambda: store.upsert_dataset_records(
        genai.create_dataset(name="eval typed", experiment_id=second).dataset_id,
        [{"inputs": {"q": 1}, "outputs": [1]}, {"inputs": {"q": 2}, "outputs": "x"}]))
    step("typed", lambda: shown(next(iter(client.search_datasets(
        filter_string="name = 'eval typed'")))))

    def pages():
        seen, token = [], None
        while True:
            page, token = store._load_dataset_records(one.dataset_id, 4, token)
            seen += [one.dataset_record_id for one in page]
            if not token:
                return len(seen), len(set(seen)), len(page)
    step("pages", pages)

    def found(text=None, experiments=None, **more):
        return [(d.name, sorted(d.tags)) for d in client.search_datasets(
            experiment_ids=experiments, filter_string=text, **more)]
    for text in ("name = 'eval one'", "name LIKE 'eval t%'", "name ILIKE 'EVAL%'",
                 "name IN ('eval two', 'x')", "name != 'eval one'", "tags.team = 'risk'",
                 "tags.team LIKE 'r%' AND name = 'eval one'", "tags.team != 'x'",
                 "created_time > 5", "last_update_time < 5", "created_time > 'a'",
                 "created_by = 'nobody'", "size > 3", "params.x = 'y'", "created_time LIKE 'a'"):
        step(text, lambda text=text: sorted(found(text)))
    for order in ("name ASC", "name DESC", "created_time", "last_update_time DESC", "digest"):
        step(f"by {order}", lambda order=order: found(
            "name IN ('eval two', 'eval typed')", order_by=[order]))
    step("of an experiment", lambda: sorted(found(experiments=[second])))
    step("of two", lambda: len(found(experiments=[first, second])))
    step("of none", lambda: found(experiments=["99999"]))
    step("page", lambda: len(found(max_results=2)))
    step("too many", lambda: found(max_results=50001))
    page = client.search_datasets(max_results=3, filter_string="name LIKE 'eval%'")
    step("next page", lambda: len(client.search_datasets(
        filter_string="name LIKE 'eval%'", page_token=page.token)))
    step("tag", lambda: genai.set_dataset_tags(dataset_id=one.dataset_id, tags={
        "team": "fraud", "n": 3, "t": True, "f": 0.5, "none": None}))
    step("tagged", lambda: shown(genai.get_dataset(dataset_id=one.dataset_id)))
    step("untag", lambda: genai.delete_dataset_tag(dataset_id=one.dataset_id, key="team"))
    step("untag again", lambda: genai.delete_dataset_tag(dataset_id=one.dataset_id, key="team"))
    step("untagged", lambda: shown(genai.get_dataset(dataset_id=one.dataset_id)))
    step("tag unknown", lambda: client.set_dataset_tags("d-none", {"a": "b"}))

    def experiments():
        return sorted(int(i) - int(first) for i in store.get_dataset_experiment_ids(
            one.dataset_id))
    step("join", lambda: shown(genai.add_dataset_to_experiments(one.dataset_id, [second, first])))
    step("joined", experiments)
    step("join unknown", lambda: client.add_dataset_to_experiments(one.dataset_id, ["99999"]))
    step("join of none", lambda: client.add_dataset_to_experiments("d-none", [first]))
    step("leave", lambda: shown(genai.remove_dataset_from_experiments(one.dataset_id, [first])))
    step("leave again", lambda: shown(client.remove_dataset_from_experiments(
        one.dataset_id, [first, "99999"])))
    step("left", experiments)
    ids = [record.dataset_record_id for record in store._load_dataset_records(one.dataset_id)[0]]
    step("delete records", lambda: one.delete_records(ids[:3] + ["dr-none"]))
    step("fewer", lambda: shown(genai.get_dataset(dataset_id=one.dataset_id))["profile"])
    step("delete them again", lambda: one.delete_records(ids[:3]))
    step("delete the rest", lambda: one.delete_records(ids[3:]))
    step("none", lambda: [shown(genai.get_dataset(dataset_id=one.dataset_id)), records_of(one)])
    step("delete", lambda: genai.delete_dataset(dataset_id=one.dataset_id))
    step("delete again", lambda: client.delete_dataset(one.dataset_id))
    step("gone", lambda: genai.get_dataset(dataset_id=one.dataset_id))
