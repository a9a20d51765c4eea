import asyncio, sys, os
from cqar.admin.app import Admin
OUT=os.open("/tmp/st/out.txt",os.O_WRONLY|os.O_CREAT|os.O_TRUNC)
async def test_fuzz(admin):
    args=os.environ["ST_ARGS"].split()
    p = await asyncio.create_subprocess_exec(sys.executable,"-c","from schemathesis.cli import schemathesis; schemathesis()","run",f"http://127.0.0.1:{admin.http_port}/openapi.json",*args, cwd="/tmp/st", stdout=OUT, stderr=asyncio.subprocess.STDOUT)
    try:
        code = await asyncio.wait_for(p.wait(), 500)
    except TimeoutError:
        p.kill(); code=-1
    print("code",code)
