"""What the shell script `lab` becomes."""

from tinstack.lab.cli import lab

lab(prog_name="./lab")
