from tests.console.conftest import *
from tests.console.house import *
from tests.console.browser import *
from service.tracking.hours import Minute, End
import math, time
def test_shots(world):
    chs=[]
    for n in range(6):
        ch = world.customer()["conversation_sid"]; chs.append(ch)
        a = world.escalate(ch, attributes={"topic": "billing", "tier": "gold"} if n%2 else {"topic":"x"})
        assert a.status == 201
    world.agent("alice","accept"); 
    hours=world.reconciler.parts.hours
    now=world.reconciler.parts.store.now_ms()
    for m in range(360):
        if 200<m<215: continue
        hours.write(Minute(now-(360-m)*60000, int(6+5*math.sin(m/40)), int(20+8*math.cos(m/50)), 1, 2, abs(300*math.sin(m/33)), 0.2 if m<300 else 4))
    for n in range(4):
        hours.note_end(End(0, a["id"], chs[n], ["closed","released","superseded","closed"][n], ["nobody is left","an agent is on the channel","next step","nobody is left"][n]))
    for n in range(7):
        stuck_invite(world, 70+n, trouble="create invite: no connection to Twilio (NewConnectionError)" if n<5 else "create invite: Twilio asks for fewer calls (429)")
    base=f"{world.url}/console/"
    with browser() as b:
        for screen in SCREENS:
            with page_of(b, base, screen=screen) as page:
                page.goto("sign-in"); shoot(page, f"{screen}-sign-in"); print(screen, violations(page))
                page.fill("#password", PASSWORD); page.fill("#name","Ada"); page.click("main button[type=submit]")
                page.wait_for_url("**/now")
                for name, path in {"now":"now","find-empty":"find","find":f"find?sid={chs[1]}","open":"open?state=all","stuck":"stuck","rules":"rules","system":"system","confirm":f"confirm?act=cancel&on={a['id']}","broken":"nothing"}.items():
                    page.goto(path); page.wait_for_load_state("networkidle"); 
                    if name=="now": page.wait_for_selector(".chart canvas")
                    shoot(page, f"{screen}-{name}"); print(screen, name, violations(page))
