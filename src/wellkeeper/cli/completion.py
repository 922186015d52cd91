"""`wellkeeper completion`: tab completion for the user's shell."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a completion script.

    For bash: wellkeeper completion bash >> ~/.bashrc
    """
    found = get_completion_class(shell)
    if found is None:  # Choice admits only shells click knows
        raise click.UsageError(f"no completion for {shell}")
    click.echo(found(context.find_root().command, {}, "wellkeeper", "_WELLKEEPER_COMPLETE").source())
