(() => {
    const wrong = [];
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth > width) wrong.push(`the page is ${document.documentElement.scrollWidth} wide`);
    const shown = (element) => element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length > 0;
    const outside = (inner, outer) => inner.left < outer.left - 1 || inner.right > outer.right + 1 || inner.top < outer.top - 1 || inner.bottom > outer.bottom + 1;
    const charts = [...document.querySelectorAll("svg.chart")];
    for (const chart of charts) {
        const frame = chart.getBoundingClientRect();
        const name = chart.querySelector("title").textContent;
        if (frame.width < 200 || frame.height < 100) wrong.push(`${name} is ${frame.width} by ${frame.height}`);
        const shapes = [...chart.querySelectorAll("rect, path")].map((shape) => shape.getBoundingClientRect());
        if (!shapes.some((box) => box.width > 0 && box.height + box.width > 3)) wrong.push(`${name} shows nothing`);
        const texts = [...chart.querySelectorAll("text")].filter(shown);
        const boxes = texts.map((text) => [text.textContent, text.getBoundingClientRect()]);
        for (const [text, box] of boxes) {
            if (box.width === 0 || box.height < 8) wrong.push(`${name}: ${text} cannot be read`);
            if (outside(box, frame)) wrong.push(`${name}: ${text} leaves it`);
        }
        boxes.forEach(([text, a], index) => boxes.slice(index + 1).forEach(([other, b]) => {
            if (a.left < b.right && b.left < a.right && a.top + 2 < b.bottom && b.top + 2 < a.bottom) wrong.push(`${name}: ${text} lies on ${other}`);
        }));
    }
    for (const element of document.querySelectorAll("h1, h2, p, dt, dd, li, summary, .key, .scroll")) {
        if (!shown(element)) continue;
        if (element.getBoundingClientRect().right > width + 0.5) wrong.push(`${element.textContent.slice(0, 40)} leaves the page`);
        if (element.className !== "scroll" && element.scrollWidth > element.clientWidth + 1) wrong.push(`${element.textContent.slice(0, 40)} leaves its box`);
    }
    return { charts: charts.map((chart) => chart.querySelector("title").textContent), paper: getComputedStyle(document.body).backgroundColor, wrong };
})()
