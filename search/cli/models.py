"""``foldsweep models``: what the registry holds."""

import click

from search.cli.output import json_option, print_json, quiet_stdout, terminal


@click.command
@click.argument("model", required=False)
@click.option("--history", is_flag=True, help="Show every move of an alias: who, when and why.")
@json_option
def command(model: str | None, history: bool, as_json: bool) -> None:
    """List the registered models, their versions and who moved their aliases.

    MODEL is the name of one; without it, all are listed.
    """
    if history and model is None:
        raise click.UsageError("--history is that of one model: name it.")
    with quiet_stdout():
        from mlruns_config.registry.listing import read_model, read_models
        from search.cli.opening import tracking_of_home
        from search.promotion.registered import history_document, model_document

        tracking = tracking_of_home()
        listed = read_models(tracking) if model is None else [read_model(tracking, model)]
        documents = [history_document(each) if history else model_document(each) for each in listed]
    if as_json:
        print_json(documents if model is None else documents[0])
        return
    from search.cli.registry_report import history_report, model_report

    report = history_report if history else model_report
    for document in documents:
        terminal().print(report(document))
    if not documents:
        terminal().print("Nothing is registered yet: promote a sweep.")
