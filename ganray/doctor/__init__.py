"""What of this machine, its cluster and its store would stop ganray: facts are collected apart from the rules that judge them.

finding.py    Finding: one line of the page, ok, note or PROBLEM with a remedy
programs.py   run a program that may hang
processors.py, memory.py, disk.py   what /proc, the container and the file systems tell
cards.py      GPUs and their driver, by nvidia-smi
torch_build.py  what torch was built for, asked in a child process
gpus.py       driver, GPUs and torch: do they fit
compiler.py   what torch.compile needs
software.py   versions and extras
stores.py, clock.py   a store is written to, and its clock compared
machine.py    all of it on one machine
nodes.py      what the nodes of a cluster differ in
page.py       the page
"""
